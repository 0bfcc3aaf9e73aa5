/** Templates of nginx are imported as text, so that the compiled program carries them. */
declare module "*.template" {
  const text: string;
  export default text;
}

declare module "*.envsh" {
  const text: string;
  export default text;
}
