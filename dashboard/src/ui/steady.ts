// Whether what one is about to press has been there long enough to be meant: a list moves under the pointer as others
// answer, and the second press of a double click falls on what has come in the place of the first.
import { useCallback, useEffect, useRef, useState } from 'react';

const SEEN_FOR = 500; // milliseconds, as long as a double click may take

/** Whether `key`, which says what stands where, has been the same for a while. */
export function useSteady(key: string): boolean {
  const [steady, setSteady] = useState<string>();
  useEffect(() => {
    const timer = setTimeout(() => setSteady(key), SEEN_FOR);
    return () => clearTimeout(timer);
  }, [key]);
  return steady === key;
}

/**
 * The same for keys that act on a row wherever it stands: gives whether no request of a row has gone for a while,
 * which the key could be meant for. `requests` are those of all rows.
 */
export function useUnchanged(requests: ReadonlyMap<string, string | null>): (row: string) => boolean {
  const known = useRef(new Map<string, { request: string | null; since: number }>());
  useEffect(() => {
    const before = known.current;
    known.current = new Map(
      [...requests].map(([row, request]) => {
        const last = before.get(row);
        if (last === undefined) return [row, { request, since: Number.NEGATIVE_INFINITY }];
        if (last.request === request) return [row, last];
        return [row, { request, since: last.request === null ? last.since : performance.now() }];
      }),
    );
  }, [requests]);
  return useCallback((row) => {
    const since = known.current.get(row)?.since ?? Number.NEGATIVE_INFINITY;
    return performance.now() - since >= SEEN_FOR;
  }, []);
}
