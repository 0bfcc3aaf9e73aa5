import swaggerScript from "swagger-ui-dist/swagger-ui-bundle.js" with { type: "file" };
import swaggerStyle from "swagger-ui-dist/swagger-ui.css" with { type: "file" };
import type { AssetFile } from "../static.ts";
import clientScript from "./docs.client.js" with { type: "file" };
import style from "./docs.css" with { type: "file" };
import icon from "./icon.svg" with { type: "file" };

const javascript = "text/javascript; charset=utf-8";
const css = "text/css; charset=utf-8";

/** Everything the pages load. No page loads anything from elsewhere. */
export const files: readonly AssetFile[] = [
  { name: "swagger-ui.js", path: swaggerScript, media_type: javascript },
  { name: "swagger-ui.css", path: swaggerStyle, media_type: css },
  { name: "docs.js", path: clientScript, media_type: javascript },
  { name: "docs.css", path: style, media_type: css },
  { name: "icon.svg", path: icon, media_type: "image/svg+xml" },
];
