// Whether the keyboard belongs to a field at the moment.

const TYPED = 'input:not([type="checkbox"], [type="radio"], [type="range"]), textarea, select';

/** Letters are nothing to a slider or a box that is ticked. */
export function isTyping(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && (target.isContentEditable || target.matches(TYPED));
}
