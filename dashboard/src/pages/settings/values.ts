// Values of settings as they are typed and shown: JSON, but for texts, which stand without quotes.
import type { SettingDataType } from './settings.generated';

export function writtenValue(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value, null, typeof value === 'object' ? 2 : 0);
}

/** What was typed; undefined where it is no JSON. Whether it fits the setting is for the server to say. */
export function readValue(type: SettingDataType | null, text: string): { value: unknown } | undefined {
  if (type === 'STRING') return { value: text };
  try {
    return { value: JSON.parse(text) as unknown };
  } catch {
    return undefined;
  }
}
