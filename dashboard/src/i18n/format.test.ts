import { expect, test } from 'vitest';
import { formats } from './format';

const english = formats('en');

test('a million is an M, in Britain too', () => {
  expect(formats('en-GB').compact(1_010_000)).toBe('1.01M');
  expect(formats('ja-JP').compact(1_010_000)).toBe('101万');
});

const japanese = formats('ja');

test.each([
  [250, '250ms'],
  [1_500, '1.5s'],
  [59_999, '59s'],
  [61_000, '1m 1s'],
  [7_200_000, '2h'],
  [90_061_000, '1d 1h'],
])('a duration of %i ms is %s', (ms, shown) => {
  expect(english.duration(ms)).toBe(shown);
});

test('time since a moment tells seconds in the first minute only', () => {
  expect(english.since(42_700)).toBe('42s');
  expect(english.since(3 * 60_000 + 20_000)).toBe('3m');
  expect(english.since(-5)).toBe('0s');
});

test('costs are US dollars, small ones to a hundredth of a cent', () => {
  expect(english.cost('12345678')).toBe('$12.35');
  expect(english.cost(4_200)).toBe('$0.0042');
  expect(english.cost(0)).toBe('$0.00');
  expect(japanese.cost(1_000_000)).toBe('$1.00');
});

test('numbers carry their unit in both languages', () => {
  expect(english.bytes(1_500)).toBe('1.5kB');
  expect(english.bytes(2_500_000_000)).toBe('2.5GB');
  expect(english.percent(73)).toBe('73%');
  expect(japanese.compact(1_230_000)).toBe('123万');
});
