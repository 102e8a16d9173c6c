// Changing a task: shown at once, and taken back where the server refuses. Changes of one task go one after
// another, each on top of the version that the one before has made, so that one does not conflict with oneself.
import { useCallback, useRef, useState } from 'react';
import { ask, change } from '@/data/client';
import { changeSeen } from '@/data/seen';
import { type Trouble, troubleOfThrown } from '@/data/trouble';
import { ChangeTaskDocument, TaskNowDocument } from './board.generated';
import { isShown, type Patch, type Pending, type Task } from './columns';

export type Changing = {
  pending: ReadonlyMap<string, Pending>;
  trouble: Trouble | undefined;
  /** Forget what went wrong. */
  forget: () => void;
  change: (task: Task, patch: Patch) => void;
};

/** The changes of a task that are on their way: `seen` is it with those that the server has answered. */
type Line = { last: Promise<void>; seen: Task; left: number; failed: boolean };

export function useChanges(): Changing {
  const [pending, setPending] = useState<ReadonlyMap<string, Pending>>(new Map());
  const [trouble, setTrouble] = useState<Trouble>();
  const lines = useRef(new Map<string, Line>());

  const make = useCallback((task: Task, patch: Patch) => {
    const { id, updatedAt } = task;
    const before = lines.current.get(id);
    const line: Line =
      before && before.left > 0
        ? before
        : {
            last: Promise.resolve(),
            seen: { ...task, updatedAt: later(before?.seen.updatedAt, updatedAt) },
            left: 0,
            failed: false,
          };
    lines.current.set(id, line);
    line.left += 1;
    setTrouble(undefined);
    setPending((all) => {
      const shown = all.get(id);
      const still = shown && isShown(shown, updatedAt) ? shown.patch : {};
      return new Map([...all, [id, { patch: { ...still, ...patch }, until: null }]]);
    });
    line.last = line.last
      .then(async () => {
        if (line.failed) return; // it was made to what is no longer shown
        const { updateTask } = await changeSeen(
          line.seen,
          async () => (await ask(TaskNowDocument, { id })).task,
          (ifUnmodifiedSince) => change(ChangeTaskDocument, { input: { id, patch, ifUnmodifiedSince } }),
        );
        line.seen = { ...line.seen, ...updateTask.task };
      })
      .catch((error) => {
        line.failed = true;
        setTrouble(troubleOfThrown(error));
      })
      .finally(() => {
        line.left -= 1;
        if (line.left > 0) return;
        setPending((all) => {
          const rest = new Map(all);
          const shown = rest.get(id);
          if (line.failed || !shown) rest.delete(id);
          else rest.set(id, { ...shown, until: line.seen.updatedAt });
          return rest;
        });
      });
  }, []);
  const forget = useCallback(() => setTrouble(undefined), []);
  return { pending, trouble, forget, change: make };
}

// Times of the API have one length and zone, so they are ordered as texts, to the microsecond.
function later(one: string | undefined, other: string): string {
  return one !== undefined && one > other ? one : other;
}
