// The newest lines of a log: a page of it, and each line that comes since, once.
import { useEffect, useReducer, useRef, useState } from 'react';
import { askBehind, useEvents } from '@/data/follow';
import { type Trouble, troubleOfThrown } from '@/data/trouble';
import type { CcLogCategory, LogLevel, LogTailSubscription } from './instance.generated';
import { LogsDocument, LogTailDocument } from './instance.generated';

export type Filter = { levels: readonly LogLevel[]; categories: readonly CcLogCategory[]; contains: string };
export type Line = { key: string; at: string; level: string; category: string; message: string };
export type Tail = {
  lines: Line[] | undefined;
  leftOut: number;
  missed: boolean;
  trouble: Trouble | undefined;
};

export const MOST_LINES = 10_000;
const FIRST = 500;
const TOGETHER = 50; // milliseconds for which lines are gathered, so that a burst is drawn at once

type State = { lines: Line[] | undefined; early: Line[]; total: number };
type Action =
  | { kind: 'page'; lines: Line[]; total: number }
  | { kind: 'lines'; lines: Line[] }
  | { kind: 'anew' };

export const NOTHING: State = { lines: undefined, early: [], total: 0 };

/** Lines that come before the page is there wait for it; one that is in the page, too, is shown once. */
export function reduce(state: State, action: Action): State {
  switch (action.kind) {
    case 'anew':
      return NOTHING;
    case 'page': {
      const known = new Set(action.lines.map(({ key }) => key));
      const since = state.early.filter(({ key }) => !known.has(key));
      return bounded({ lines: [...action.lines, ...since], early: [], total: action.total + since.length });
    }
    case 'lines': {
      if (state.lines === undefined) return { ...state, early: [...state.early, ...action.lines] };
      const total = state.total + action.lines.length;
      return bounded({ ...state, lines: [...state.lines, ...action.lines], total });
    }
  }
}

function bounded(state: State): State {
  const lines = state.lines ?? [];
  return lines.length > MOST_LINES ? { ...state, lines: lines.slice(-MOST_LINES) } : state;
}

export function useLogTail(instanceId: string, filter: Filter): Tail {
  const key = JSON.stringify([instanceId, filter]);
  const [state, dispatch] = useReducer(reduce, NOTHING);
  const [read, setRead] = useState<{ trouble?: Trouble; missed: boolean }>({ missed: false });
  const [times, setTimes] = useState(0);
  const given = useRef(filter);
  given.current = filter;

  const gathered = useRef<Line[]>([]);
  const gather = (line: Line) => {
    gathered.current.push(line);
    if (gathered.current.length > 1) return;
    setTimeout(() => {
      const lines = gathered.current;
      gathered.current = [];
      dispatch({ kind: 'lines', lines });
    }, TOGETHER);
  };

  const trouble = useEvents(
    LogTailDocument,
    {
      instanceId,
      levels: [...filter.levels],
      // Events spell a category as the table does, rows as the enum does.
      categories: filter.categories.map((category) => category.toLowerCase()),
      contains: filter.contains,
    },
    {
      cursorOf: ({ logAppended }) => logAppended.cursor,
      next: ({ logAppended }) => gather(lineOf(logAppended)),
      gap: () => {
        setRead({ missed: true });
        setTimes((before) => before + 1);
      },
    },
  );

  // This effect runs behind the one above: the page is asked for behind the events, so no line falls between.
  // biome-ignore lint/correctness/useExhaustiveDependencies: `key` stands for the filter
  useEffect(() => {
    let current = true;
    gathered.current = []; // what was asked for before is of no use now
    dispatch({ kind: 'anew' });
    const { levels, categories, contains } = given.current;
    const like = contains.replace(/[\\%_]/g, '\\$&');
    const where = {
      ccInstanceId: { eq: instanceId },
      logLevel: { in: [...levels] },
      category: { in: [...categories] },
      ...(contains === '' ? {} : { message: { ilike: `%${like}%` } }),
    };
    askBehind(LogsDocument, { where, first: FIRST }).then(
      ({ ccLogs }) => {
        if (!current) return;
        const lines = ccLogs.nodes.toReversed().map((log) => ({
          key: log.nodeId,
          at: log.createdAt,
          level: log.logLevel,
          category: log.category,
          message: log.message,
        }));
        dispatch({ kind: 'page', lines, total: ccLogs.totalCount });
      },
      (error) => current && setRead((before) => ({ ...before, trouble: troubleOfThrown(error) })),
    );
    return () => {
      current = false;
    };
  }, [key, times]);

  return {
    lines: state.lines,
    leftOut: state.total - (state.lines?.length ?? 0),
    missed: read.missed,
    trouble: trouble ?? read.trouble,
  };
}

function lineOf({ cursor, at, level, category, message, log }: LogTailSubscription['logAppended']): Line {
  return { key: log?.nodeId ?? cursor, at, level, category: category.toUpperCase(), message };
}
