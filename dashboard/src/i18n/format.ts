// Numbers with their units, and times in the reader's own zone.
import { useMemo } from 'react';
import { localeOf, useLanguage } from './language';

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** `language` is a tag such as `ja` or `en-GB`. */
export function formats(language: string) {
  const list = (options: Intl.NumberFormatOptions) => new Intl.NumberFormat(language, options);
  const whole = list({ maximumFractionDigits: 0 });
  // In Britain a million is an m, which beside times is read as minutes.
  const compact = new Intl.NumberFormat(language.split('-')[0], {
    notation: 'compact',
    maximumSignificantDigits: 3,
  });
  const dollars = list({ style: 'currency', currency: 'USD', currencyDisplay: 'narrowSymbol' });
  const cents = list({
    style: 'currency',
    currency: 'USD',
    currencyDisplay: 'narrowSymbol',
    maximumFractionDigits: 4,
  });
  const unit = (name: string) =>
    list({ style: 'unit', unit: name, unitDisplay: 'narrow', maximumFractionDigits: 1 });
  const units = {
    ms: list({ style: 'unit', unit: 'millisecond', unitDisplay: 'narrow', maximumFractionDigits: 0 }),
    second: unit('second'),
    minute: unit('minute'),
    hour: unit('hour'),
    day: unit('day'),
    byte: unit('byte'),
    kilobyte: unit('kilobyte'),
    megabyte: unit('megabyte'),
    gigabyte: unit('gigabyte'),
  };
  const percent = list({ style: 'percent', maximumFractionDigits: 0 });
  const dateTime = new Intl.DateTimeFormat(language, { dateStyle: 'medium', timeStyle: 'medium' });
  const time = new Intl.DateTimeFormat(language, { timeStyle: 'medium' });
  const utcDay = new Intl.DateTimeFormat(language, { dateStyle: 'medium', timeZone: 'UTC' });
  const day = new Intl.DateTimeFormat(language, { dateStyle: 'medium' });

  const two = (large: keyof typeof units, high: number, small: keyof typeof units, low: number) =>
    low > 0 ? `${units[large].format(high)} ${units[small].format(low)}` : units[large].format(high);

  /** A length of time, in milliseconds: at most two units. */
  const duration = (ms: number): string => {
    if (ms < SECOND) return units.ms.format(Math.max(0, ms));
    if (ms < MINUTE)
      return units.second.format(ms < 10 * SECOND ? Math.round(ms / 100) / 10 : Math.floor(ms / SECOND));
    if (ms < HOUR)
      return two('minute', Math.floor(ms / MINUTE), 'second', Math.floor((ms % MINUTE) / SECOND));
    if (ms < DAY) return two('hour', Math.floor(ms / HOUR), 'minute', Math.floor((ms % HOUR) / MINUTE));
    return two('day', Math.floor(ms / DAY), 'hour', Math.floor((ms % DAY) / HOUR));
  };

  return {
    whole: (value: number) => whole.format(value),
    compact: (value: number) => compact.format(value),
    /** A share, 0 to 100. */
    percent: (value: number) => percent.format(value / 100),
    /** Millionths of a US dollar, as the API has them. */
    cost: (microUsd: number | string) => {
      const usd = Number(microUsd) / 1_000_000;
      return (usd > 0 && usd < 0.01 ? cents : dollars).format(usd);
    },
    bytes: (value: number) =>
      value < 1_000
        ? units.byte.format(value)
        : value < 1_000_000
          ? units.kilobyte.format(value / 1_000)
          : value < 1_000_000_000
            ? units.megabyte.format(value / 1_000_000)
            : units.gigabyte.format(value / 1_000_000_000),
    duration,
    /** How long ago, in whole minutes once that is all one wants to know. */
    since: (ms: number) =>
      ms < MINUTE
        ? units.second.format(Math.floor(Math.max(0, ms) / SECOND))
        : duration(ms - (ms % (ms < HOUR ? MINUTE : 1))),
    dateTime: (iso: string) => dateTime.format(new Date(iso)),
    time: (iso: string) => time.format(new Date(iso)),
    /** The day as it is in UTC, by which the API groups. */
    utcDay: (iso: string) => utcDay.format(new Date(iso)),
    day: (iso: string) => day.format(new Date(iso)),
  };
}

export type Formats = ReturnType<typeof formats>;

export function useFormats(): Formats {
  const language = useLanguage();
  return useMemo(() => formats(localeOf(language, navigator.languages)), [language]);
}
