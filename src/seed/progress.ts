/** Where progress is shown: a bar that is drawn anew on a terminal, a line every few seconds elsewhere. */
export type ProgressOutput = Readonly<{ isTTY?: boolean; write(text: string): unknown }>;

const bar_width = 24;
const terminal_interval_ms = 200;
const line_interval_ms = 3_000;

/** Shows how far a seed is: share of the jobs, rows written, rows per second, time left. */
export class Progress {
  readonly #output: ProgressOutput;
  readonly #total: number;
  readonly #began_ms = performance.now();
  #shown_ms = performance.now();
  #done = 0;
  #rows = 0;

  constructor(output: ProgressOutput, total: number) {
    this.#output = output;
    this.#total = total;
  }

  /** Says that more is done; shows it when the last time is long enough ago. */
  add(done: number, rows: number): void {
    this.#done += done;
    this.#rows += rows;
    const now_ms = performance.now();
    const interval_ms = this.#output.isTTY === true ? terminal_interval_ms : line_interval_ms;
    if (now_ms - this.#shown_ms < interval_ms) return;
    this.#shown_ms = now_ms;
    this.#show(this.#line(now_ms));
  }

  /** Replaces the bar by a word on what is going on now. */
  say(text: string): void {
    this.#show(text);
  }

  /** The closing line. Returns the rows written and the seconds that took. */
  close(): { rows: number; elapsed_s: number } {
    const elapsed_s = (performance.now() - this.#began_ms) / 1000;
    const rate = Math.round(this.#rows / Math.max(0.001, elapsed_s));
    this.#show(`${count(this.#rows)} rows in ${elapsed_s.toFixed(1)} s, ${count(rate)} rows/s`);
    if (this.#output.isTTY === true) this.#output.write("\n");
    return { rows: this.#rows, elapsed_s };
  }

  #line(now_ms: number): string {
    const elapsed_s = (now_ms - this.#began_ms) / 1000;
    const share = this.#done / Math.max(1, this.#total);
    const filled = Math.round(share * bar_width);
    const bar = `${"█".repeat(filled)}${"░".repeat(bar_width - filled)}`;
    const rate = count(Math.round(this.#rows / elapsed_s));
    const left = share > 0 ? `${Math.ceil((elapsed_s * (1 - share)) / share)} s left` : "";
    return `${bar} ${(share * 100).toFixed(0).padStart(3)} %  ${count(this.#rows)} rows  ${rate} rows/s  ${left}`;
  }

  #show(text: string): void {
    this.#output.write(this.#output.isTTY === true ? `\r\u001b[2K${text}` : `${text}\n`);
  }
}

/** `1,234,567` */
const count = (value: number): string => value.toLocaleString("en-US");
