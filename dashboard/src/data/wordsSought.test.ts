import { expect, test } from 'vitest';
import { partOf, soughtIn } from './wordsSought';

test('signs that ILIKE knows are sought as they are', () => {
  expect(partOf('100%_a\\b 設定')).toBe('%100\\%\\_a\\\\b 設定%');
});

test('an address may have words, a number or anything else', () => {
  expect([soughtIn('設定'), soughtIn(42), soughtIn(undefined), soughtIn(['a'])]).toEqual([
    '設定',
    '42',
    '',
    '',
  ]);
});
