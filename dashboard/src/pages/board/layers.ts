// A layered drawing of what depends on what: each task to the right of all that have to be done before it.
import type { TaskDependencyType, TaskStatus } from './board.generated';

export type Node = {
  id: string;
  name: string;
  status: TaskStatus;
  estimatedDurationMinutes: number | null;
  dependencies: {
    nodes: readonly { dependencyTaskId: string | null; dependencyType: TaskDependencyType }[];
  };
};
export type Placed<N extends Node> = { task: N; layer: number; place: number; critical: boolean };
export type Edge = { from: string; to: string; hard: boolean; critical: boolean };
export type Layout<N extends Node> = {
  nodes: readonly Placed<N>[];
  edges: readonly Edge[];
  layers: number;
  /** The most tasks in a layer. */
  widest: number;
  /** Of all that is not completed, what takes longest behind each other; minutes. */
  critical: readonly N[];
  minutes: number;
};

/** Minutes that a task without an estimate counts for. */
export const UNESTIMATED = 30;
const SWEEPS = 4;

export function layout<N extends Node>(tasks: readonly N[]): Layout<N> {
  const byId = new Map(tasks.map((task) => [task.id, task]));
  const edges = tasks.flatMap((task) =>
    task.dependencies.nodes.flatMap(({ dependencyTaskId: from, dependencyType }) =>
      from !== null && byId.has(from) ? [{ from, to: task.id, hard: dependencyType !== 'SUGGESTS' }] : [],
    ),
  );
  const order = sorted(tasks, edges);
  const layerOf = new Map<string, number>();
  for (const { id } of order) {
    const before = edges.filter(({ to }) => to === id).map(({ from }) => layerOf.get(from) ?? -1);
    layerOf.set(id, Math.max(-1, ...before) + 1);
  }
  const layers: string[][] = [];
  for (const { id } of order) {
    const layer = layerOf.get(id) ?? 0;
    layers[layer] = [...(layers[layer] ?? []), id];
  }
  arrange(layers, edges);
  const path = longest(order, edges);
  const onPath = new Set(path.map(({ id }) => id));
  const steps = new Set(path.slice(1).map((task, index) => `${path[index]?.id} ${task.id}`));
  return {
    nodes: layers.flatMap((ids, layer) =>
      ids.flatMap((id, place) => {
        const task = byId.get(id);
        return task ? [{ task, layer, place, critical: onPath.has(id) }] : [];
      }),
    ),
    edges: edges.map((edge) => ({ ...edge, critical: steps.has(`${edge.from} ${edge.to}`) })),
    layers: layers.length,
    widest: Math.max(0, ...layers.map((ids) => ids.length)),
    critical: path,
    minutes: path.reduce((sum, task) => sum + remaining(task), 0),
  };
}

type Arrow = { from: string; to: string; hard: boolean };

/** Each task behind those that it depends on. What stands in a circle, which plain SQL can make, comes last. */
function sorted<N extends Node>(tasks: readonly N[], edges: readonly Arrow[]): N[] {
  const open = new Map(tasks.map(({ id }) => [id, 0]));
  const following = new Map<string, string[]>();
  for (const { from, to } of edges) {
    open.set(to, (open.get(to) ?? 0) + 1);
    following.set(from, [...(following.get(from) ?? []), to]);
  }
  const byId = new Map(tasks.map((task) => [task.id, task]));
  const done: N[] = [];
  const ready = tasks.filter(({ id }) => open.get(id) === 0);
  for (let task = ready.shift(); task; task = ready.shift()) {
    done.push(task);
    for (const id of following.get(task.id) ?? []) {
      const left = (open.get(id) ?? 0) - 1;
      open.set(id, left);
      const next = byId.get(id);
      if (left === 0 && next) ready.push(next);
    }
  }
  const known = new Set(done);
  return [...done, ...tasks.filter((task) => !known.has(task))];
}

/** Put each task at the mean height of its neighbours, so that fewer lines cross. */
function arrange(layers: string[][], edges: readonly Arrow[]): void {
  for (let sweep = 0; sweep < SWEEPS; sweep += 1) {
    const place = new Map(layers.flatMap((ids) => ids.map((id, index) => [id, index] as const)));
    for (const ids of layers) {
      const wanted = new Map(
        ids.map((id, index) => {
          const near = edges.flatMap(({ from, to }) =>
            to === id ? [place.get(from) ?? 0] : from === id ? [place.get(to) ?? 0] : [],
          );
          return [id, near.length === 0 ? index : near.reduce((sum, at) => sum + at, 0) / near.length];
        }),
      );
      ids.sort((a, b) => (wanted.get(a) ?? 0) - (wanted.get(b) ?? 0));
    }
  }
}

function remaining(task: Node): number {
  return task.status === 'COMPLETED' ? 0 : (task.estimatedDurationMinutes ?? UNESTIMATED);
}

/** Of what is not completed, the chain that takes longest. `order` has each task behind what holds it back. */
function longest<N extends Node>(order: readonly N[], edges: readonly Arrow[]): N[] {
  const best = new Map<string, { minutes: number; path: N[] }>();
  let found: N[] = [];
  let most = 0;
  for (const task of order) {
    if (task.status === 'COMPLETED') continue;
    let before: { minutes: number; path: N[] } = { minutes: 0, path: [] };
    for (const { from, to, hard } of edges) {
      const candidate = hard && to === task.id ? best.get(from) : undefined;
      if (candidate && candidate.minutes > before.minutes) before = candidate;
    }
    const here = { minutes: before.minutes + remaining(task), path: [...before.path, task] };
    best.set(task.id, here);
    if (here.minutes > most) {
      most = here.minutes;
      found = here.path;
    }
  }
  return found;
}
