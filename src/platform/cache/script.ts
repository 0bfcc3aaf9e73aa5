import bumpText from "./scripts/bump.lua" with { type: "text" };
import confirmText from "./scripts/confirm.lua" with { type: "text" };
import fillText from "./scripts/fill.lua" with { type: "text" };
import initText from "./scripts/init.lua" with { type: "text" };
import openText from "./scripts/open.lua" with { type: "text" };

/** A Lua script and the hash by which a server knows it. */
export type Script = Readonly<{ name: string; text: string; hash: string }>;

const script = (name: string, text: string): Script => ({
  name,
  text,
  hash: new Bun.CryptoHasher("sha1").update(text).digest("hex"),
});

export const openScript = script("OPEN", openText);
export const bumpScript = script("BUMP", bumpText);
export const initScript = script("INIT", initText);
export const fillScript = script("FILL", fillText);
export const confirmScript = script("CONFIRM", confirmText);

/** Answer of every script: the generation the server has ('' for none), and what it did; null when it did nothing. */
export type ScriptAnswer = Readonly<{ generation: string; value: number | null }>;

/** Whether a reply has the shape that every script gives. */
export function isScriptReply(reply: unknown): boolean {
  if (!Array.isArray(reply) || reply.length < 1 || reply.length > 2) return false;
  const [generation, value] = reply as unknown[];
  return typeof generation === "string" && (value === undefined || Number.isSafeInteger(value));
}

/** Reads the reply of a script. */
export function scriptAnswer(reply: unknown): ScriptAnswer {
  const [generation, value] = reply as [string, number | null | undefined];
  return {
    generation,
    value: value ?? null,
  };
}

/** Server id and nonce of a generation. */
export function partsOf(generation: string): { server: string; nonce: string } {
  const blank = generation.indexOf(" ");
  return { server: generation.slice(0, blank), nonce: generation.slice(blank + 1) };
}

/** Key of a cell's generation. All keys of a cell share the hash tag, hence one slot. */
export const generationKey = (cell: number): string => `ch:{${cell}}:g`;

/** What all other keys of a cell's generation begin with. */
export const keyBase = (cell: number, generation: string): string =>
  `ch:{${cell}}:${partsOf(generation).nonce}:`;
