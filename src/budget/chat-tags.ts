import { businessTags, type Tag } from "../platform/cache/index.ts";

const threads = businessTags("chat_threads");
const thread = businessTags("chat_thread");

/** Which threads a person has, and in which order. */
export const chatThreadsTag = (business_id: string, user_id: string): Tag =>
  threads(business_id.toLowerCase(), user_id.toLowerCase());
/** One thread with its messages. */
export const chatThreadTag = (business_id: string, thread_id: string): Tag =>
  thread(business_id.toLowerCase(), thread_id.toLowerCase());
