// Spans of zlib.gzipSync, in the way of OpenTelemetry's own instrumentations.
const { InstrumentationBase, InstrumentationNodeModuleDefinition } = require("@opentelemetry/instrumentation");

class ZlibInstrumentation extends InstrumentationBase {
  constructor(config = {}) {
    super("opentelemetry-instrumentation-zlib", "0.1.0", { minSize: 0, ...config });
  }

  /** Node's own modules have no version; of a package it would be `["zlib", [">=2 <3"]]`. */
  init() {
    const patch = (zlib) => {
      this._wrap(zlib, "gzipSync", (gzipSync) => this.#wrapGzip(gzipSync));
      return zlib;
    };
    const unpatch = (zlib) => this._unwrap(zlib, "gzipSync");
    return new InstrumentationNodeModuleDefinition("zlib", ["*"], patch, unpatch);
  }

  #wrapGzip(gzipSync) {
    const instrumentation = this;
    return function (data, ...options) {
      // Read at each call: it may be set later.
      if (data.length < instrumentation.getConfig().minSize) return gzipSync.call(this, data, ...options);
      return instrumentation.tracer.startActiveSpan("gzipSync", (span) => {
        try {
          const zipped = gzipSync.call(this, data, ...options);
          span.setAttributes({ "zlib.size.before": data.length, "zlib.size.after": zipped.length });
          return zipped;
        } catch (error) {
          span.setStatus({ code: 2, message: error.message });
          throw error;
        } finally {
          span.end();
        }
      });
    };
  }
}

exports.ZlibInstrumentation = ZlibInstrumentation;
// The class and not an instance, which redtrail takes too: so it gets its options before it hooks anything.
exports.default = { instrumentations: [ZlibInstrumentation] };
exports.loadOpenTelemetryExtension = () => ({ instrumentations: [new ZlibInstrumentation()] });
