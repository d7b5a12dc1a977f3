// The attribute keys that redtrail reads and writes, by the semantic conventions' names (v1.38); see docs of each there.
// Kept here and not imported: the package is 380 KB of constants, and every process start would read it.
export const ATTR = {
  clientAddress: "client.address",
  errorType: "error.type",
  /** Not in the conventions; the Elastic Common Schema's name (ECS field `http.request.id`). */
  requestId: "http.request.id",
  requestMethod: "http.request.method",
  requestMethodOriginal: "http.request.method_original",
  responseStatusCode: "http.response.status_code",
  route: "http.route",
  networkPeerAddress: "network.peer.address",
  networkPeerPort: "network.peer.port",
  networkProtocolVersion: "network.protocol.version",
  serverAddress: "server.address",
  serverPort: "server.port",
  urlFull: "url.full",
  urlPath: "url.path",
  urlQuery: "url.query",
  urlScheme: "url.scheme",
  userAgent: "user_agent.original",
  /** Ours, in seconds: how long a message waited between being sent and being processed. */
  queueTime: "redtrail.messaging.queue.time",
  /** Ours, in seconds: how long the service that answered a call took, by its own account; what is left is the network's. */
  serverResponseTime: "redtrail.server.response_time",
  /** Ours: messages of a batch whose senders are not linked, because the span has as many links as it may have. */
  unlinkedCount: "redtrail.messaging.unlinked_count",
  /** Ours: the response was a stream (SSE), whose length says nothing about how fast it was. */
  streaming: "redtrail.http.streaming",
  /** Ours, on the local root of a trace that was sent without having been sampled: why. */
  samplingKept: "redtrail.sampling.kept",
  /** Ours, beside it: spans of the trace that were dropped for want of room or time. */
  samplingLeftOut: "redtrail.sampling.left_out",
} as const;

/** Values of `error.type` that redtrail gives where the conventions leave the choice to the instrumentation. */
export const ERROR_TYPE = {
  /** The client went away before the response was complete. */
  clientAborted: "client_aborted",
  /** The response ended before it was complete, and not by the client. */
  incompleteResponse: "incomplete_response",
  /** The calling code gave up on purpose (AbortSignal, destroy). */
  cancelled: "cancelled",
  timeout: "timeout",
} as const;
