/** SQL files are imported as text; neither `bun check` nor TypeScript types such imports by themselves. */
declare module "*.sql" {
  const text: string;
  export default text;
}

declare module "*.lua" {
  const text: string;
  export default text;
}
