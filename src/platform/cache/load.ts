import type { Compiled, Parts } from "./definition.ts";
import type { CacheTimer } from "./deps.ts";
import { LoadTimeout } from "./semaphore.ts";

/** Runs a load under its hard limit. The signal ends with it; a load that ignores the signal is no longer waited for. */
export function runLoad<P extends Parts, T>(
  timer: CacheTimer,
  definition: Compiled<P, T>,
  parts: P,
): Promise<T | null> {
  const controller = new AbortController();
  return new Promise((resolve, reject) => {
    const cancel = timer.after(definition.timeout_ms, () => {
      const error = new LoadTimeout(`${definition.name} took longer than ${definition.timeout_ms} ms`);
      reject(error);
      controller.abort(error);
    });
    let load: Promise<T | null>;
    try {
      load = Promise.resolve(definition.load(parts, { signal: controller.signal }));
    } catch (error) {
      load = Promise.reject(error);
    }
    load.finally(cancel).then(resolve, reject);
  });
}

/** The caller may go; what it waited for goes on for the others. */
export function abandonable<T>(answer: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return answer;
  return new Promise((resolve, reject) => {
    const leave = (): void => reject(signal.reason as Error);
    if (signal.aborted) leave();
    else signal.addEventListener("abort", leave, { once: true });
    answer.then(resolve, reject).finally(() => signal.removeEventListener("abort", leave));
  });
}
