import { act, renderHook } from '@testing-library/react';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { useSteady, useUnchanged } from './steady';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const pass = (milliseconds: number) => act(() => vi.advanceTimersByTime(milliseconds));

test('what has come in the place of another is not steady for half a second', () => {
  const { result, rerender } = renderHook(({ key }) => useSteady(key), { initialProps: { key: '1 a' } });
  expect(result.current).toBe(false);
  pass(500);
  expect(result.current).toBe(true);
  rerender({ key: '0 a' });
  expect(result.current).toBe(false);
  pass(499);
  expect(result.current).toBe(false);
  pass(1);
  expect(result.current).toBe(true);
});

test('a request that took the place of another one of its row is taken for it no sooner than it can be read', () => {
  const first = new Map([
    ['row', 'a'],
    ['other', 'c'],
  ]);
  const { result, rerender } = renderHook(({ requests }) => useUnchanged(requests), {
    initialProps: { requests: first },
  });
  expect(result.current('row')).toBe(true); // it is read as the page is
  rerender({
    requests: new Map([
      ['row', 'b'],
      ['other', 'c'],
    ]),
  });
  expect([result.current('row'), result.current('other')]).toEqual([false, true]);
  pass(500);
  expect(result.current('row')).toBe(true);
});
