// How a server behind a proxy stops without a request noticing
/** No request for this long: whoever had connections to us has used them up, or does not use them. */
const QUIET_MS = 250;
const QUIET_MAX_MS = 5_000;
const LOOK_INTERVAL_MS = 25;

/**
 * Settles when no request has come for a while, at the latest after 5 s. Closing an idle connection in the moment in
 * which the proxy sends a request on it would lose that request (a POST is not sent twice). So a server that is to stop
 * first answers with `Connection: close`, which takes each connection away after an answer, and closes the rest when
 * nothing comes on them any more.
 */
export async function untilQuiet(requests: () => number): Promise<void> {
  const deadline = performance.now() + QUIET_MAX_MS;
  let seen = requests();
  let since = performance.now();
  while (performance.now() - since < QUIET_MS && performance.now() < deadline) {
    await Bun.sleep(LOOK_INTERVAL_MS);
    if (requests() === seen) continue;
    seen = requests();
    since = performance.now();
  }
}
