// Allowing or denying what an instance asks for: shown at once, and taken back where the server refuses.
import { useCallback, useState } from 'react';
import { change } from './client';
import { AnswerPermissionDocument, type PermissionAnswer } from './permissions.generated';
import { type Trouble, troubleOfThrown } from './trouble';

export type Answering = {
  /** The requests that are being answered: the live query drops them a moment later. */
  answered: ReadonlySet<string>;
  trouble: Trouble | undefined;
  /** Forget what went wrong. */
  forget: () => void;
  answer: (requestId: string, decision: PermissionAnswer) => void;
};

export function useAnswering(): Answering {
  const [answered, setAnswered] = useState<ReadonlySet<string>>(new Set());
  const [trouble, setTrouble] = useState<Trouble>();
  const answer = useCallback((id: string, decision: PermissionAnswer) => {
    setTrouble(undefined);
    setAnswered((before) => new Set([...before, id]));
    change(AnswerPermissionDocument, { input: { id, decision } }).catch((error) => {
      setAnswered((before) => new Set([...before].filter((other) => other !== id)));
      setTrouble(troubleOfThrown(error));
    });
  }, []);
  const forget = useCallback(() => setTrouble(undefined), []);
  return { answered, trouble, forget, answer };
}
