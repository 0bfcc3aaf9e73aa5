/** Words of the language that are no metric: https://prometheus.io/docs/prometheus/latest/querying/operators/ */
const words = new Set(
  "and or unless by without on ignoring group_left group_right offset bool inf nan".split(" "),
);

/** A metric that an expression reads, and the labels it chooses by. */
export type Selector = Readonly<{ metric: string; labels: readonly string[] }>;

/** Every metric in an expression. Not a parser: promtool says whether the expression is one at all. */
export function selectorsOf(expression: string): Selector[] {
  const plain = expression
    .replace(/"(?:[^"\\]|\\.)*"/g, '""')
    .replace(/\b(by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)/g, " ")
    .replace(/\[[^\]]*\]/g, " ");
  // A name, not of a function, with what follows in braces; names inside braces are labels.
  const found = plain.matchAll(/(?<![\w.])([a-zA-Z_:][\w:]*)\s*(?:\{([^}]*)\})?(?!\s*\()(?![\w:])/g);
  return [...found].flatMap(([, metric = "", matchers = ""]) => {
    if (words.has(metric.toLowerCase()) || /^\d/.test(metric)) return [];
    return [
      { metric, labels: [...matchers.matchAll(/(\w+)\s*(?:=~|!~|!=|=)/g)].map(([, name = ""]) => name) },
    ];
  });
}

/** What a process exports: each metric with the labels of its samples, from the Prometheus text format. */
export function exportedBy(text: string): ReadonlyMap<string, ReadonlySet<string>> {
  const metrics = new Map<string, Set<string>>();
  for (const [, name = "", type] of text.matchAll(/^# TYPE (\S+) (\S+)$/gm)) {
    const names = type === "histogram" ? [`${name}_bucket`, `${name}_sum`, `${name}_count`] : [name];
    for (const one of names) metrics.set(one, new Set());
  }
  for (const [, name = "", labels = ""] of text.matchAll(/^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? \S+$/gm)) {
    for (const [, label = ""] of labels.matchAll(/(\w+)="/g)) metrics.get(name)?.add(label);
  }
  return metrics;
}
