import { LRUCache } from "lru-cache";
import { type CompiledPolicy, compilePolicy, type LimitPolicy } from "./policy.ts";
import { Subject } from "./subject.ts";

/** The subjects of each policy, least recently used go first. Policies are known by their names. */
export class SubjectTable {
  readonly #replicas: number;
  readonly #max: number;
  readonly #policies = new Map<string, { compiled: CompiledPolicy; subjects: LRUCache<string, Subject> }>();

  /** At most `max` subjects per policy. */
  constructor(replicas: number, max: number) {
    this.#replicas = replicas;
    this.#max = max;
  }

  /** The subject, new if it is not known. Throws RangeError for a policy that limits nothing. */
  find(policy: LimitPolicy, name: string): Subject {
    let known = this.#policies.get(policy.name);
    if (known === undefined) {
      known = { compiled: compilePolicy(policy, this.#replicas), subjects: new LRUCache({ max: this.#max }) };
      this.#policies.set(policy.name, known);
    }
    let subject = known.subjects.get(name);
    if (subject === undefined) {
      subject = new Subject(known.compiled, name);
      known.subjects.set(name, subject);
    }
    return subject;
  }

  size(): number {
    let size = 0;
    for (const { subjects } of this.#policies.values()) size += subjects.size;
    return size;
  }

  *all(): Generator<Subject> {
    for (const { subjects } of this.#policies.values()) yield* subjects.values();
  }
}
