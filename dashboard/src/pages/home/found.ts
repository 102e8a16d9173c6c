// The server's part of the search: what fits of all that there is, also of what the page does not list.
import { useMemo, useRef } from 'react';
import { useLive } from '@/data/follow';
import type { Trouble } from '@/data/trouble';
import { useSettled } from '@/ui/settled';
import { HomeSearchDocument } from './home.generated';
import { fitting, foundIn, type Row, searchOf } from './rows';

export type Found = {
  rows: readonly Row[];
  /** How many fit that are not among them. */
  leftOut: number;
  /** Whether the answer to these words is on its way: until then, the rows are those of earlier ones that fit. */
  asking: boolean;
  trouble: Trouble | undefined;
};

const NOTHING = { words: '', rows: [] as Row[], leftOut: 0 };

/** What fits the words, once the reader pauses; `today` as the page has it. */
export function useFound(search: string, today: number): Found {
  const words = search.trim();
  const settled = useSettled(words);
  const { data, trouble } = useLive(HomeSearchDocument, settled === '' ? null : searchOf(settled, today));
  const answered = useMemo(() => {
    if (!data) return null;
    const { totalCount, nodes } = data.ccInstances;
    return { words: settled, rows: foundIn(data), leftOut: totalCount - nodes.length };
  }, [data, settled]);
  const last = useRef(NOTHING);
  last.current = words === '' ? NOTHING : (answered ?? last.current);
  const { rows, leftOut, words: known } = last.current;
  const asking = known !== words && trouble === undefined;
  return known === words
    ? { rows, leftOut, asking, trouble }
    : { rows: fitting(rows, words), leftOut: 0, asking, trouble };
}
