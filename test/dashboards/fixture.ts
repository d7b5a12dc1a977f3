// Starts the app that makes every kind of request. Its limits are so low that it meets them, and its Zipkin is away.
import { join } from "node:path";
import { type RunningApp, runApp } from "../support/run-app.ts";

export function startFixture(): Promise<RunningApp> {
  return runApp({
    app: join(import.meta.dirname, "fixture-app.cjs"),
    env: {
      OTEL_EXPORTER_ZIPKIN_ENDPOINT: "http://127.0.0.1:1/api/v2/spans",
      OTEL_BSP_MAX_QUEUE_SIZE: "20",
      REDTRAIL_REQUEST_LOG: "elasticsearch",
      REDTRAIL_ELASTICSEARCH_URL: "http://127.0.0.1:1",
      REDTRAIL_REQUEST_LOG_QUEUE_SIZE: "20",
      REDTRAIL_RED_EXCLUDE: "route:/excluded",
      REDTRAIL_RED_LABEL_LIMITS: "http.route=20",
      REDTRAIL_RED_SERIES_LIMIT: "30",
    },
  });
}
