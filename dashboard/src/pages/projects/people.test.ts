import { expect, test } from 'vitest';
import { collaboratorsOf, decides, partOf } from './people';

const user = (id: number, isAdmin = false) => ({ id, username: 'u', isAdmin });

test('collaborators are read as the server reads them', () => {
  const stored = [{ user_id: 2, role: 'editor' }, { user_id: 3, role: 'queen' }, { user_id: '4' }, null];

  expect(collaboratorsOf(stored)).toEqual([
    { userId: 2, role: 'EDITOR' },
    { userId: 3, role: 'VIEWER' },
  ]);
  expect([null, {}, 'x'].map(collaboratorsOf)).toEqual([[], [], []]);
});

test('the part of a reader: owner before role before administrator', () => {
  const project = { ownerId: 1, collaborators: [{ user_id: 2, role: 'editor' }] };

  expect(partOf(user(1, true), project)).toBe('OWNER');
  expect(partOf(user(2, true), project)).toBe('EDITOR');
  expect(partOf(user(9, true), project)).toBe('ADMINISTRATOR');
  expect(partOf(user(9), project)).toBe('READER');
  expect([1, 2].map((id) => decides(user(id), project))).toEqual([true, false]);
});
