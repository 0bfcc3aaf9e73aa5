import type { Metric, Registry } from "prom-client";

/** One series: its labels, a count per bucket (the last for everything above), and the sum. Same unit as the bounds. */
export class Series {
  readonly labels: Readonly<Record<string, string>>;
  readonly counts: Float64Array;
  sum = 0;
  readonly #bounds: readonly number[];

  constructor(labels: Readonly<Record<string, string>>, bounds: readonly number[]) {
    this.labels = labels;
    this.#bounds = bounds;
    this.counts = new Float64Array(bounds.length + 1);
  }

  observe(value: number): void {
    let bucket = 0;
    while (bucket < this.#bounds.length && value > (this.#bounds[bucket] ?? 0)) bucket += 1;
    this.counts[bucket] = (this.counts[bucket] ?? 0) + 1;
    this.sum += value;
  }

  count(): number {
    return this.counts.reduce((sum, count) => sum + count, 0);
  }
}

type Value = { labels: Record<string, string | number>; value: number; metricName: string };

/**
 * A histogram whose series are held by those who observe. prom-client's own children build a key from their labels at
 * every observation, which costs a request more than everything else that is measured about it; here an observation
 * is a few comparisons and two additions, and prom-client does what it is good at: writing it all out.
 */
export class Histogram {
  readonly name: string;
  readonly help: string;
  readonly type = "histogram";
  readonly aggregator = "sum";
  readonly bounds: readonly number[];
  readonly #series: Series[] = [];

  constructor(options: { name: string; help: string; bounds: readonly number[]; registry: Registry }) {
    this.name = options.name;
    this.help = options.help;
    this.bounds = options.bounds;
    // The registry asks a metric for nothing but its name and `get`.
    options.registry.registerMetric(this as unknown as Metric);
  }

  /** A new series. The caller keeps it and never asks twice for the same labels. */
  series(labels: Readonly<Record<string, string>>): Series {
    const series = new Series(labels, this.bounds);
    this.#series.push(series);
    return series;
  }

  all(): readonly Series[] {
    return this.#series;
  }

  get(): Promise<{ name: string; help: string; type: string; aggregator: string; values: Value[] }> {
    const values: Value[] = [];
    for (const { labels, counts, sum } of this.#series) {
      let below = 0;
      counts.forEach((count, bucket) => {
        below += count;
        const le = this.bounds[bucket] ?? "+Inf";
        values.push({ labels: { ...labels, le }, value: below, metricName: `${this.name}_bucket` });
      });
      values.push({ labels, value: sum, metricName: `${this.name}_sum` });
      values.push({ labels, value: below, metricName: `${this.name}_count` });
    }
    const { name, help, type, aggregator } = this;
    return Promise.resolve({ name, help, type, aggregator, values });
  }
}
