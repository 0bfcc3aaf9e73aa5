// Content-Disposition: https://www.rfc-editor.org/rfc/rfc6266, names beyond ASCII: https://www.rfc-editor.org/rfc/rfc8187

/** `attachment` with a file name: an ASCII form for old clients, the real one for all others. */
export function attachment(filename: string): string {
  const ascii = filename.replaceAll(/[^\x20-\x7e]|["\\%]/g, "_");
  if (ascii === filename) return `attachment; filename="${ascii}"`;
  return `attachment; filename="${ascii}"; filename*=UTF-8''${encode(filename)}`;
}

/** `encodeURIComponent` leaves four characters that RFC 8187 section 3.2.1 does not allow. */
function encode(text: string): string {
  return encodeURIComponent(text).replaceAll(
    /['()*]/g,
    (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}
