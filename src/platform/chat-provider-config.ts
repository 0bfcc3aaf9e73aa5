import { integer, text, url } from "./variable.ts";

/** An OpenAI-compatible service that answers chats. */
export type ChatProvider = Readonly<{
  /** Before `/chat/completions`, without a slash at its end. */
  base_url: string;
  /** Null where the service wants none, as one on this machine may. */
  api_key: string | null;
  model: string;
  /** Answers that it may be asked for at once. */
  answers_max: number;
}>;

/** Connections that are left to everything else that is asked over HTTP, such as the webhook of one-time codes. */
const connectionsKept = 48;

const section = "Chat";

/** The variables of it, for the table of all. */
export const chatVariables = {
  CHAT_BASE_URL: url({
    section,
    description:
      "OpenAI-compatible service that answers chats, such as https://api.example.com/v1; https, or http on this machine. It is " +
      "sent what people ask and the figures of their month. Unset: questions are answered from the figures by SQL, without a " +
      "language model.",
    protocols: ["https:", "http:"],
    secret: false,
  }),
  CHAT_API_KEY: text({
    section,
    description: "Its key, sent as a bearer token.",
    default: null,
    pattern: /^[\x21-\x7e]{1,1000}$/,
    expected: "1 to 1000 visible characters",
    secret: true,
  }),
  CHAT_MODEL: text({
    section,
    description: "The model that it is asked for. Required with CHAT_BASE_URL.",
    default: null,
    pattern: /^[\x21-\x7e]{1,200}$/,
    expected: "1 to 200 visible characters",
  }),
  BUN_CONFIG_MAX_HTTP_REQUESTS: integer({
    section,
    description:
      "Connections to other services at a time; Bun reads it when it starts, and what is over it waits. So many answers of a " +
      `chat provider, less ${connectionsKept}, are given at once. \`bun start\` and the image set 2048.`,
    default: 256,
    minimum: 2 * connectionsKept,
    maximum: 65_535,
    unit: "connections",
  }),
} as const;

type Given = Readonly<
  Record<"CHAT_BASE_URL" | "CHAT_API_KEY" | "CHAT_MODEL", string | null> &
    Record<"BUN_CONFIG_MAX_HTTP_REQUESTS", number | null>
>;

/** What is wrong with them together. */
export function chatProblems(
  { CHAT_BASE_URL: base_url, CHAT_MODEL: model }: Given,
  isLoopback: (host: string) => boolean,
): string[] {
  if (base_url === null) return model === null ? [] : ["CHAT_MODEL: needs CHAT_BASE_URL"];
  const { protocol, hostname, username, password, search, hash } = new URL(base_url);
  const problems: string[] = [];
  if (model === null) problems.push("CHAT_MODEL: is required with CHAT_BASE_URL");
  if (protocol !== "https:" && !isLoopback(hostname))
    problems.push("CHAT_BASE_URL: figures leave this machine by https only");
  if (username !== "" || password !== "")
    problems.push("CHAT_BASE_URL: cannot hold a user and password; CHAT_API_KEY is sent");
  if (search !== "" || hash !== "") problems.push("CHAT_BASE_URL: ends with its path");
  return problems;
}

/** The service that they name, null when there is none. */
export function chatProviderOf({
  CHAT_BASE_URL,
  CHAT_API_KEY,
  CHAT_MODEL,
  BUN_CONFIG_MAX_HTTP_REQUESTS: connections,
}: Given): ChatProvider | null {
  if (CHAT_BASE_URL === null || CHAT_MODEL === null) return null;
  return Object.freeze({
    base_url: CHAT_BASE_URL.replace(/\/+$/, ""),
    api_key: CHAT_API_KEY,
    model: CHAT_MODEL,
    answers_max: (connections ?? connectionsKept) - connectionsKept,
  });
}
