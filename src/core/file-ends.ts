/**
 * Whether a file has its end: an upload that broke off looks right at its beginning. It is no proof that a viewer can show
 * it. PNG: its chunks lead to IEND, the last (https://www.w3.org/TR/png-3/#5DataRep). JPEG: an end of image follows the
 * scan (ITU-T T.81, B.1.1.2; some cameras write more behind it). PDF: `%%EOF` stands in the last 1,024 bytes, where readers
 * look for it (PDF Reference 1.7, appendix H, note 18), after `startxref` and a number.
 */
export function isWhole(bytes: Uint8Array, mime: string): boolean {
  const content = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (mime === "image/png") return isWholePng(content);
  if (mime === "image/jpeg") return isWholeJpeg(content);
  if (mime !== "application/pdf") throw new Error(`nobody knows the end of ${mime}`);
  return /startxref\s+\d+\s+%%EOF/.test(content.toString("latin1", Math.max(0, content.length - 1_064)));
}

const pngSignatureBytes = 8;
/** Length, type and checksum of a chunk. */
const pngChunkBytes = 12;

function isWholePng(content: Buffer): boolean {
  let at = pngSignatureBytes;
  let first = "";
  while (at + pngChunkBytes <= content.length) {
    const type = content.toString("latin1", at + 4, at + 8);
    if (first === "") first = type;
    at += pngChunkBytes + content.readUInt32BE(at);
    if (type === "IEND") return first === "IHDR" && at <= content.length;
  }
  return false;
}

const [scan, imageEnd] = [0xda, 0xd9];

/** Segments say how long they are, up to the scan; in it 0xff is followed by zero, or by a marker. */
function isWholeJpeg(content: Buffer): boolean {
  let at = 2;
  while (at + 4 <= content.length && content[at] === 0xff) {
    const marker = content[at + 1];
    at += 2 + content.readUInt16BE(at + 2);
    if (marker === scan) return at <= content.length && content.indexOf(Buffer.of(0xff, imageEnd), at) >= 0;
  }
  return false;
}
