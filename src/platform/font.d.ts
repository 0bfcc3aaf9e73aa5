/** Fonts are imported as files, which the compiled program carries; the import is the path. */
declare module "*.ttf" {
  const path: string;
  export default path;
}
