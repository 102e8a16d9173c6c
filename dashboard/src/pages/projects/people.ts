// What a person is in a project, of its columns.
import type { User } from '@/data/session';
import type { CollaboratorRole } from './projects.generated';

export type Collaborator = { userId: number; role: CollaboratorRole };
/** What the reader is in a project; `READER` of a public one. */
export type Part = 'OWNER' | CollaboratorRole | 'ADMINISTRATOR' | 'READER';

/** The collaborators in the order in which they are stored; what has another shape makes no one a collaborator. */
export function collaboratorsOf(stored: unknown): Collaborator[] {
  if (!Array.isArray(stored)) return [];
  return stored.flatMap((entry: { user_id?: unknown; role?: unknown } | null) => {
    const userId = entry?.user_id;
    if (typeof userId !== 'number') return [];
    // Of one whose role is none, the server assumes the least.
    return [{ userId, role: entry?.role === 'editor' ? ('EDITOR' as const) : ('VIEWER' as const) }];
  });
}

export function partOf(user: User, project: { ownerId: number; collaborators: unknown }): Part {
  if (project.ownerId === user.id) return 'OWNER';
  const own = collaboratorsOf(project.collaborators).find(({ userId }) => userId === user.id);
  return own?.role ?? (user.isAdmin ? 'ADMINISTRATOR' : 'READER');
}

/** Whether the reader decides on a project: its settings and its people. */
export function decides(user: User, project: { ownerId: number }): boolean {
  return user.isAdmin || project.ownerId === user.id;
}
