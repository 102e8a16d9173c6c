import { expect, test } from 'vitest';
import { partOf } from './hits';

test('signs that ILIKE knows are sought as they are', () => {
  expect(partOf('100%_a\\b 設定')).toBe('%100\\%\\_a\\\\b 設定%');
});
