import { expect, test } from 'vitest';
import { layout, type Node } from './layers';

function node(id: string, minutes: number | null, before: string[] = [], given: Partial<Node> = {}): Node {
  return {
    id,
    name: id,
    status: 'PENDING',
    estimatedDurationMinutes: minutes,
    dependencies: {
      nodes: before.map((dependencyTaskId) => ({ dependencyTaskId, dependencyType: 'BLOCKS' as const })),
    },
    ...given,
  };
}

test('each task stands behind all that it depends on, and the longest chain is marked', () => {
  const drawn = layout([
    node('ship', 10, ['short', 'long', 'gone']),
    node('short', 5, ['plan']),
    node('long', 120, ['plan']),
    node('plan', null),
  ]);

  const layers = Object.fromEntries(drawn.nodes.map(({ task, layer }) => [task.id, layer]));
  expect(layers).toEqual({ plan: 0, short: 1, long: 1, ship: 2 });
  expect(drawn.critical.map(({ id }) => id)).toEqual(['plan', 'long', 'ship']);
  expect(drawn.minutes).toBe(160);
  expect(drawn.edges.filter(({ critical }) => critical)).toHaveLength(2);
  expect([drawn.layers, drawn.widest]).toEqual([3, 2]);
});

test('what is completed takes no more time, and a suggestion holds nothing back', () => {
  const drawn = layout([
    node('done', 500, [], { status: 'COMPLETED' }),
    node('next', 20, ['done']),
    node('later', 30, [], {
      dependencies: { nodes: [{ dependencyTaskId: 'next', dependencyType: 'SUGGESTS' }] },
    }),
  ]);

  expect(drawn.critical.map(({ id }) => id)).toEqual(['later']);
  expect(drawn.edges.map(({ hard }) => hard)).toEqual([true, false]);
});

test('a circle, and nothing at all, are drawn, too', () => {
  expect(layout([node('a', 1, ['b']), node('b', 1, ['a'])]).nodes).toHaveLength(2);
  expect(layout([])).toMatchObject({ nodes: [], edges: [], layers: 0, widest: 0, minutes: 0 });
});
