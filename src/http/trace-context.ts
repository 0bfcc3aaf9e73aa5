// Trace Context: https://www.w3.org/TR/trace-context/

/** The trace a request belongs to; `parent` is the caller's span, null when the trace begins here. */
export type TraceContext = { trace_id: string; span_id: string; parent: string | null; flags: string };

const shape = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/;
const zeroTrace = "0".repeat(32);
const zeroSpan = "0".repeat(16);

/** Continues the trace of a valid `traceparent`, or begins one. An invalid header is ignored, as the standard asks. */
export function traceOf(traceparent: string | null): TraceContext {
  const match = traceparent === null ? null : shape.exec(traceparent);
  const [, version, traceId, parent, flags, rest] = match ?? [];
  const valid =
    version !== undefined &&
    version !== "ff" &&
    traceId !== zeroTrace &&
    parent !== zeroSpan &&
    (version !== "00" || rest === undefined);
  if (!valid) return { trace_id: randomHex(), span_id: randomHex().slice(16), parent: null, flags: "00" };
  return {
    trace_id: traceId ?? "",
    span_id: randomHex().slice(16),
    parent: parent ?? null,
    flags: flags ?? "00",
  };
}

/** The header for a call made on behalf of this request. */
export function traceparent(trace: TraceContext): string {
  return `00-${trace.trace_id}-${trace.span_id}-${trace.flags}`;
}

/** 32 hex digits; the random part of a UUIDv4 is as good a source as any and needs no buffer. */
function randomHex(): string {
  return crypto.randomUUID().replaceAll("-", "");
}
