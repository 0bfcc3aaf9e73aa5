import { setImmediate as turn } from "node:timers/promises";
import fontPath from "dejavu-fonts-ttf/ttf/DejaVuSansCondensed.ttf" with { type: "file" };
import type PDFDocument from "pdfkit";
import { Problem } from "../http/problem.ts";
import type { StatementHead, StatementRow } from "./account-statements.ts";

/**
 * Rows that a PDF may have: some thirty pages, and more than half a second of a core. That is done in pieces, one document
 * at a time, so that nobody waits for it; but a member may ask for fifty in a minute. As CSV there is no limit.
 */
export const pdfEntriesMax = 2_000;

/** Documents that may wait for their turn; they are drawn one after the other. */
const waitingMax = 8;
/** Rows that are drawn before others have their turn: a few milliseconds. */
const rowsPerTurn = 15;

/** Draws a statement. Throws `overloaded` when many wait. */
export type StatementPrinter = (
  head: StatementHead,
  rows: AsyncIterable<StatementRow>,
) => Promise<Uint8Array<ArrayBuffer>>;

/** Library and font are read with the first document: most servers start without ever drawing one. */
export function createStatementPrinter(): StatementPrinter {
  let tools: Promise<Tools> | null = null;
  let waiting = 0;
  let last: Promise<unknown> = Promise.resolve();
  return async (head, rows) => {
    if (waiting >= waitingMax) throw new Problem("overloaded", { headers: { "retry-after": "2" } });
    waiting += 1;
    const drawn = last.then(async () => draw(await (tools ??= loadTools()), head, rows));
    last = drawn.catch(() => {});
    return drawn.finally(() => (waiting -= 1));
  };
}

type Tools = Readonly<{ Document: typeof PDFDocument; font: Buffer }>;

async function loadTools(): Promise<Tools> {
  const [{ default: Document }, font] = await Promise.all([
    import("pdfkit"),
    Bun.file(fontPath).arrayBuffer(),
  ]);
  return { Document, font: Buffer.from(font) };
}

const page = { size: "A4", margin: 40 } as const;
/** Left edge, width and side of each column, in points. */
const columns = [
  { title: "Date", x: 40, width: 55, align: "left" },
  { title: "Description", x: 98, width: 160, align: "left" },
  { title: "Reference", x: 262, width: 100, align: "left" },
  { title: "Debit", x: 364, width: 60, align: "right" },
  { title: "Credit", x: 426, width: 60, align: "right" },
  { title: "Balance", x: 488, width: 67, align: "right" },
] as const;
const lineHeight = 12;
const bottom = 790;

/** The same statement gives the same bytes. */
async function draw(
  { Document, font }: Tools,
  head: StatementHead,
  rows: AsyncIterable<StatementRow>,
): Promise<Uint8Array<ArrayBuffer>> {
  const document = new Document({
    ...page,
    // No standard font: they know the letters of Western Europe only, and no sign of the naira.
    font: font as unknown as string,
    info: {
      Title: `Statement ${head.account_number}, ${head.from_date} to ${head.to_date}`,
      Author: head.business_name,
      CreationDate: new Date(`${head.to_date}T00:00:00Z`),
    },
  });
  const chunks: Uint8Array[] = [];
  document.on("data", (chunk: Uint8Array) => chunks.push(chunk));
  const ended = new Promise((resolve, reject) => document.on("end", resolve).on("error", reject));
  const sheet = new Sheet(document, head);
  let drawn = 0;
  sheet.line([head.from_date, "Opening balance", "", "", "", head.opening]);
  for await (const row of rows) {
    sheet.row(row);
    drawn += 1;
    if (drawn % rowsPerTurn === 0) await turn();
  }
  sheet.line([head.to_date, "Closing balance", "", "", "", head.closing]);
  sheet.seal();
  document.end();
  await ended;
  return Buffer.concat(chunks);
}

/** Pages with a head, a table and a foot. */
class Sheet {
  readonly #document: PDFKit.PDFDocument;
  readonly #head: StatementHead;
  readonly #day: (at: string) => string;
  #pages = 0;
  #y = 0;

  constructor(document: PDFKit.PDFDocument, head: StatementHead) {
    this.#document = document;
    this.#head = head;
    const format = new Intl.DateTimeFormat("en-CA", {
      timeZone: head.timezone,
      year: "numeric",
      month: "2-digit",
      day: "2-digit",
    });
    this.#day = (at) => format.format(new Date(at));
    this.#title();
    this.#open();
  }

  row({ effective_at, kind, description, reference, side, amount, balance }: StatementRow): void {
    const [debit, credit] = side === "debit" ? [String(amount), ""] : ["", String(amount)];
    this.line([
      this.#day(effective_at),
      description ?? inWords(kind),
      reference ?? "",
      debit,
      credit,
      String(balance),
    ]);
  }

  /** Date, two texts, and three amounts in minor units; an empty one stays empty. */
  line([date, description, reference, ...amounts]: readonly [
    string,
    string,
    string,
    string,
    string,
    string,
  ]): void {
    if (this.#y > bottom - lineHeight) {
      this.#document.addPage();
      this.#y = page.margin;
      this.#open();
    }
    const money = amounts.map((amount) => decimal(amount, this.#head.exponent));
    this.#cells([date, oneLine(description), oneLine(reference), ...money]);
  }

  /** What the rows can be proven by. */
  seal(): void {
    this.#y += lineHeight;
    this.#write(`${this.#head.entries} entries, SHA-256 ${this.#head.sha256}`, 7);
  }

  #title(): void {
    const { business_name, customer_name, account_number, currency, from_date, to_date, timezone } =
      this.#head;
    this.#y = page.margin;
    this.#write(business_name, 14, 20);
    this.#write(`Statement of account ${account_number} (${currency})`, 11, 16);
    this.#write(customer_name, 9, 13);
    this.#write(`${from_date} to ${to_date} (${timezone})`, 9, 20);
  }

  #open(): void {
    this.#pages += 1;
    this.#cells(columns.map(({ title }) => title));
    const y = this.#y - 2;
    this.#document.moveTo(page.margin, y).lineTo(555, y).lineWidth(0.5).stroke();
    this.#document.fontSize(7);
    // Below the margin: the library would begin another page for it.
    this.#document.page.margins.bottom = 0;
    this.#document.text(`${this.#head.account_number} · page ${this.#pages}`, page.margin, 810, {
      lineBreak: false,
    });
  }

  #cells(texts: readonly string[]): void {
    this.#document.fontSize(8);
    for (const [index, { x, width, align }] of columns.entries()) {
      const text = texts[index] ?? "";
      if (text === "") continue;
      const room = align === "left" ? fitted(this.#document, text, width) : text;
      this.#document.text(room, x, this.#y, { width, align, lineBreak: false });
    }
    this.#y += lineHeight;
  }

  #write(text: string, size: number, height: number = lineHeight): void {
    this.#document
      .fontSize(size)
      .text(fitted(this.#document, oneLine(text), 515), page.margin, this.#y, { lineBreak: false });
    this.#y += height;
  }
}

/** "bank.deposit.reversal" is "Deposit reversal". */
const inWords = (kind: string): string => {
  const words = kind.replace(/^\w+\./, "").replaceAll(/[._]/g, " ");
  return `${words.slice(0, 1).toUpperCase()}${words.slice(1)}`;
};

const oneLine = (text: string): string => text.replaceAll(/\p{Cc}+/gu, " ").trim();

/** No letter of the font is wider at the sizes we use. */
const letterMax = 14;

/** As much of a text as a column has room for. */
function fitted(document: PDFKit.PDFDocument, text: string, width: number): string {
  if (text.length * letterMax <= width) return text;
  let shown = text.slice(0, 200);
  while (shown.length > 1 && document.widthOfString(shown) > width) {
    const share = width / document.widthOfString(shown);
    shown = `${shown.slice(0, Math.max(1, Math.min(shown.length - 2, Math.floor(shown.length * share))))}…`;
  }
  return shown;
}

/** Minor units as a person reads them: 1550000 with two digits is 15,500.00. */
export function decimal(minor: string, exponent: number): string {
  if (minor === "") return "";
  const digits = minor.replace("-", "").padStart(exponent + 1, "0");
  const whole = digits.slice(0, digits.length - exponent).replaceAll(/\B(?=(\d{3})+$)/g, ",");
  const rest = exponent === 0 ? "" : `.${digits.slice(-exponent)}`;
  return `${minor.startsWith("-") ? "-" : ""}${whole}${rest}`;
}
