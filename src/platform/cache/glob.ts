/**
 * Whether a text matches a glob: `*` is anything, `?` one character, the rest itself. Without a regular expression,
 * because a pattern of many stars would take exponential time to refuse a text.
 */
export function matchesGlob(pattern: string, text: string): boolean {
  let at = 0;
  let star = -1;
  let resume = 0;
  for (let index = 0; index < text.length;) {
    const letter = pattern[at];
    if (letter === "*") {
      star = at;
      resume = index;
      at += 1;
    } else if (letter === "?" || letter === text[index]) {
      at += 1;
      index += 1;
    } else if (star >= 0) {
      at = star + 1;
      resume += 1;
      index = resume;
    } else return false;
  }
  while (pattern[at] === "*") at += 1;
  return at === pattern.length;
}
