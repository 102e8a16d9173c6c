// The lines of the first page: who needs a person comes first, and who needs one for longest before others.
import type { HomeInstanceFragment } from './home.generated';

export type State = 'failed' | 'running' | 'idle';

export type Row = {
  id: string;
  state: State;
  /** Since when it is in this state; null where that is not known. */
  since: string | null;
  name: string;
  project: string;
  branch: string;
};

const ORDER: Record<State, number> = { failed: 0, running: 1, idle: 2 };
const STATES: Partial<Record<HomeInstanceFragment['status'], State>> = {
  ERROR: 'failed',
  RUNNING: 'running',
};

export function rowOf(instance: HomeInstanceFragment): Row {
  const state = STATES[instance.status] ?? 'idle';
  return {
    id: instance.id,
    state,
    since: state === 'failed' ? instance.lastHeartbeat : (instance.startedAt ?? instance.createdAt),
    name: instance.name,
    project: instance.project?.name ?? '',
    branch: instance.gitWorktrees.nodes[0]?.currentBranch ?? instance.worktreePath ?? '',
  };
}

/** The rows that contain all words of the search, in the order of how much they need a person. */
export function arranged(rows: readonly Row[], search = ''): Row[] {
  const words = search.toLocaleLowerCase().split(/\s+/).filter(Boolean);
  return rows
    .filter((row) => {
      const text = `${row.name}\n${row.project}\n${row.branch}`.toLocaleLowerCase();
      return words.every((word) => text.includes(word));
    })
    .sort((a, b) => ORDER[a.state] - ORDER[b.state] || (a.since ?? '').localeCompare(b.since ?? ''));
}
