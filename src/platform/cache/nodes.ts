import { CacheNode, type NodeDeps } from "./node.ts";
import type { Holes } from "./types.ts";
import { askRoutes } from "./ask.ts";
import { type Route, routeOf } from "./routes.ts";

const REFRESH_INTERVAL_MS = 5000;
const REFRESH_PAUSE_MS = 100;
/** While some cells have no master: it may come back, or another one take its place, at any moment. */
const PARTLY_INTERVAL_MS = 500;

export type NodesOptions = Readonly<{
  /** One URL of a single Redis; any nodes of a Cluster. */
  urls: readonly string[];
  cluster: boolean;
  cells: number;
  holes: Holes;
  /** The server behind a node became known or changed. */
  identified(node: CacheNode, server: string): void;
  /** A node does not have what it was asked for. */
  misplaced(node: CacheNode): void;
  /** Cells may have gone to other nodes. */
  moved(): void;
}>;

/** Which node has which cell: on a single Redis always the one, on a Cluster as `CLUSTER SHARDS` says. */
export class Nodes {
  readonly #deps: NodeDeps;
  readonly #options: NodesOptions;
  readonly #nodes = new Map<string, CacheNode>();
  #routes: Route[] = [];
  #at: (CacheNode | null)[];
  #closed = false;
  #asking = false;
  #again = false;
  #cancel: () => void = () => {};

  constructor(deps: NodeDeps, options: NodesOptions) {
    this.#deps = deps;
    this.#options = options;
    this.#at = Array.from({ length: options.cells }, () => null);
  }

  start(): void {
    const [url] = this.#options.urls;
    if (this.#options.cluster || url === undefined) void this.#refresh();
    else this.#at = this.#at.fill(this.#node(url));
  }

  /** The node of a cell; null while nobody serves it. */
  at(cell: number): CacheNode | null {
    return this.#at[cell] ?? null;
  }
  get all(): readonly CacheNode[] {
    return [...this.#nodes.values()];
  }

  close(): void {
    this.#closed = true;
    this.#cancel();
    for (const node of this.#nodes.values()) node.close();
  }

  #node(url: string): CacheNode {
    const known = this.#nodes.get(url);
    if (known !== undefined) return known;
    const node: CacheNode = new CacheNode(this.#deps, {
      url,
      cells: this.#options.cells,
      holes: this.#options.holes,
      changed: (server) => {
        if (server !== null) this.#options.identified(node, server);
        else this.#soon();
      },
      misplaced: () => {
        this.#options.misplaced(node);
        this.#soon();
      },
    });
    this.#nodes.set(url, node);
    return node;
  }

  #soon(): void {
    if (!this.#options.cluster || this.#closed) return;
    this.#again = true;
    if (this.#asking) return;
    this.#cancel();
    this.#cancel = this.#deps.timer.after(REFRESH_PAUSE_MS, () => void this.#refresh());
  }

  /** Asks the nodes, those that answered before first, until one tells the routes. Never rejects. */
  async #refresh(): Promise<void> {
    this.#asking = true;
    this.#again = false;
    for (const url of new Set([...this.#nodes.keys(), ...this.#options.urls])) {
      const routes = await askRoutes(this.#deps, url).catch(() => []);
      if (this.#closed) return;
      if (routes.length === 0) continue;
      this.#take(routes);
      break;
    }
    this.#asking = false;
    const hurried = this.#again || this.#routes.length === 0;
    const settled_ms = this.#at.includes(null) ? PARTLY_INTERVAL_MS : REFRESH_INTERVAL_MS;
    const pause_ms = hurried ? REFRESH_PAUSE_MS : settled_ms;
    this.#cancel = this.#deps.timer.after(pause_ms, () => void this.#refresh());
  }

  #take(routes: Route[]): void {
    this.#routes = routes;
    const before = this.#at;
    this.#at = before.map((_, cell) => {
      const url = routeOf(routes, cell);
      return url === null ? null : this.#node(url);
    });
    const used = new Set(routes.map(({ url }) => url));
    for (const [url, node] of this.#nodes) {
      if (used.has(url)) continue;
      node.close();
      this.#nodes.delete(url);
    }
    if (this.#at.some((node, cell) => node !== before[cell])) this.#options.moved();
  }
}
