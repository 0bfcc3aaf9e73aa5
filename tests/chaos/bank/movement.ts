import type { Fate } from "../fleet/client.ts";

/** One movement of money that a request asks for. Its effect is found by its mark, which is its memo. */
export type Movement = Readonly<{
  mark: string;
  kind: "internal" | "deposit" | "withdrawal";
  /** Null: the house. */
  from: string | null;
  to: string | null;
  amount: number;
}>;

/** A request under a key. */
export type Asked = Readonly<{
  key: string;
  /** Whose key it is. */
  username: string;
  path: string;
  body: unknown;
  movements: readonly Movement[];
  /** All of them, or none. */
  is_atomic: boolean;
}>;

/** A request and what became of it. */
export type Answered = Readonly<{ asked: Asked; fate: Fate }>;

/** What an answer says of one movement. */
export type Claim = Readonly<{ is_posted: boolean; id: string | null }>;

type BatchAnswer = { data: { status: number; transfer?: { id: string } }[] };

const refused: Claim = { is_posted: false, id: null };

/**
 * What an answer says of each movement of its request; null when it leaves open what became of it: there was none, the
 * server was not able to, or the key is in use.
 */
export function claimsOf({ asked, fate }: Answered): readonly Claim[] | null {
  const { status, body } = fate;
  if (status === 201) return [{ is_posted: true, id: (JSON.parse(body) as { id: string }).id }];
  if (status === 200)
    return (JSON.parse(body) as BatchAnswer).data.map((item) => ({
      is_posted: item.status === 201,
      id: item.transfer?.id ?? null,
    }));
  return status === 422 ? asked.movements.map(() => refused) : null;
}

/** Whether an answer is one that a repetition may change: no answer, a server that could not, a key in use. */
export const isOpen = ({ status, body }: Fate): boolean =>
  status === 0 || status >= 500 || (status === 409 && body.includes('"idempotency_in_progress"'));

/**
 * Whether the answer is kept under its key. A batch that is refused as a whole was undone with everything, its answer too,
 * so that what is asked again is judged again.
 */
export const isKept = ({ asked, fate }: Answered): boolean =>
  fate.status === 200 || fate.status === 201 || (fate.status === 422 && !asked.is_atomic);

/** What must be the same in every answer under one key. */
export const textOf = ({ status, headers, body }: Fate): string =>
  [status, headers["location"] ?? "", headers["etag"] ?? "", headers["content-type"] ?? "", body].join("\n");
