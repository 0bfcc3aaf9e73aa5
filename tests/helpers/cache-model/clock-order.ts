import { Cell } from "../../../src/platform/cache/cell.ts";
import { LocalOrder } from "../../../src/platform/cache/local.ts";
import type { Bump, CellOrder } from "../../../src/platform/cache/types.ts";
import type { Process, World } from "./world.ts";

type Tell = (n: number, tags: readonly string[]) => void;
const wires = new WeakMap<World, Tell[]>();

/**
 * An order without a server: each process numbers its own bumps, and takes its positions, by its own clock, and tells
 * the others. Right while all clocks agree; a hole (`numbers_by_server`) where they do not.
 */
export class ClockOrder extends LocalOrder {
  readonly #cell: CellOrder;

  constructor(world: World, process: Process) {
    super({ clock: process.clock });
    const wire = wires.get(world) ?? [];
    wires.set(world, wire);
    // Finer than a millisecond, so that nothing happens at the same instant.
    const number = (): number => {
      world.sequence += 1;
      return process.clock.now() * 1000 + world.sequence;
    };
    // Numbers by clocks leave gaps: no part of this hole.
    const cell = new Cell({ index: 0, clock: process.clock, holes: new Set(["gapless_stream"]) });
    const mark = cell.mark.bind(cell);
    cell.mark = () => ({ ...mark(), known: number() });
    cell.open("clocks", 0);
    cell.prove(Number.POSITIVE_INFINITY);
    wire.push((n, tags) =>
      world.post(`${process.name} hears`, () => process.deliver(() => cell.hear(n, tags))),
    );
    this.#cell = {
      index: 0,
      cell,
      read: (_key, tags, asker) =>
        queueMicrotask(() =>
          asker.told(
            "clocks",
            null,
            tags.map(() => null),
          ),
        ),
      init: () => Promise.resolve(number()),
      fill: () => Promise.resolve(false),
      bump: (tags): Promise<Bump> => {
        const n = number();
        for (const tell of wire) tell(n, tags);
        return Promise.resolve({ cell: 0, generation: "clocks", n, server_id: "" });
      },
      lease: () => Promise.resolve(true),
      release: () => Promise.resolve(),
    };
  }

  override at(): CellOrder {
    return this.#cell;
  }
}
