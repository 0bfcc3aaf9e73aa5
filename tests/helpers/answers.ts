/** The body of an answer, taken for what the test expects it to be. */
export async function read<T>(answer: Response | Promise<Response>): Promise<T> {
  return (await (await answer).json()) as T;
}

/** The envelope of a list. */
export type Page<T> = { data: T[]; meta: { next_cursor: string | null; has_more: boolean } };
