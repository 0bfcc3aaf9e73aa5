/** One replica's metrics in Prometheus' text format. */
export type Exposition = Readonly<{ replica: string; text: string }>;

type Family = { head: string[]; samples: string[] };

/**
 * The metrics of all replicas as one exposition: every sample gets the label `replica`, and a metric's samples stand
 * together under one HELP and TYPE, as the format demands.
 * https://prometheus.io/docs/instrumenting/exposition_formats/#text-format-details
 */
export function mergeExpositions(expositions: readonly Exposition[]): string {
  const families = new Map<string, Family>();
  for (const { replica, text } of expositions) {
    let name = "";
    for (const line of text.split("\n")) {
      if (line === "") continue;
      const [, about = "", of = ""] = /^# (HELP|TYPE) (\S+)/.exec(line) ?? [];
      if (of !== "") name = of;
      const family = familyOf(families, name);
      if (about === "") family.samples.push(labelled(line, replica));
      else if (!family.head.some((known) => known.startsWith(`# ${about} `))) family.head.push(line);
    }
  }
  const blocks = [...families.values()].map(({ head, samples }) => [...head, ...samples].join("\n"));
  return blocks.length === 0 ? "" : `${blocks.join("\n")}\n`;
}

function familyOf(families: Map<string, Family>, name: string): Family {
  const known = families.get(name);
  if (known !== undefined) return known;
  const made: Family = { head: [], samples: [] };
  families.set(name, made);
  return made;
}

/** A sample that says already whose it is stays as it is. */
function labelled(sample: string, replica: string): string {
  const [, name = "", labels, value = ""] = /^([^{\s]+)(?:\{(.*)\})? (.*)$/.exec(sample) ?? [];
  if (labels === undefined || labels === "") return `${name}{replica="${replica}"} ${value}`;
  return /(?:^|,)replica="/.test(labels) ? sample : `${name}{${labels},replica="${replica}"} ${value}`;
}
