// The version of this package; the build writes it in.
declare const REDTRAIL_VERSION: string | undefined;

export const VERSION: string = typeof REDTRAIL_VERSION === "string" ? REDTRAIL_VERSION : "0.0.0-source";
