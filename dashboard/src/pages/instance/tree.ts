// The tree of instances as the lines in which it is shown.
import { named } from '@/ui/named';
import { type State, stateOf } from '@/ui/State';
import type { TreeInstanceFragment } from './instance.generated';

export type Branch = {
  id: string;
  name: string;
  state: State;
  depth: number;
  own: Used;
  subtree: Used;
};

/** Tokens of all kinds, and millionths of a US dollar. */
export type Used = { tokens: number; cost: number };

type Sums = Record<
  'costMicroUsd' | 'inputTokens' | 'outputTokens' | 'cacheReadTokens' | 'cacheCreationTokens',
  string | number | null
>;

/** The top and all below it, each behind its parent, those that began earlier first. */
export function branches(top: TreeInstanceFragment, below: readonly TreeInstanceFragment[]): Branch[] {
  const children = Map.groupBy(below, ({ parentInstanceId }) => parentInstanceId);
  const walk = (instance: TreeInstanceFragment, depth: number): Branch[] => [
    {
      id: instance.id,
      name: named(instance.name, instance.id),
      state: stateOf(instance),
      depth,
      own: used(instance.usage.aggregate.sum),
      subtree: used(instance.subtreeUsage),
    },
    ...(children.get(instance.id) ?? [])
      .toSorted((a, b) => a.createdAt.localeCompare(b.createdAt))
      .flatMap((child) => walk(child, depth + 1)),
  ];
  return walk(top, 0);
}

function used(sums: Sums): Used {
  const { costMicroUsd, ...tokens } = sums;
  const counts = [
    tokens.inputTokens,
    tokens.outputTokens,
    tokens.cacheReadTokens,
    tokens.cacheCreationTokens,
  ];
  return {
    tokens: counts.reduce<number>((sum, count) => sum + Number(count ?? 0), 0),
    cost: Number(costMicroUsd ?? 0),
  };
}
