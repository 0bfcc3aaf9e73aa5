import { dlopen, FFIType, ptr } from "bun:ffi";

const apple = process.platform === "darwin";
const library = dlopen(apple ? "libSystem.B.dylib" : "libc.so.6", {
  clock_gettime: { args: [FFIType.i32, FFIType.ptr], returns: FFIType.i32 },
});
const MONOTONIC = apple ? 6 : 1;
const spec = new BigInt64Array(2);
const place = ptr(spec);

/**
 * CLOCK_MONOTONIC, milliseconds: one clock that all processes of a run share and that nobody sets, unlike
 * `performance.now()`, which begins with its process.
 */
export function instant(): number {
  library.symbols.clock_gettime(MONOTONIC, place);
  return Number(spec[0]) * 1000 + Number(spec[1]) / 1e6;
}
