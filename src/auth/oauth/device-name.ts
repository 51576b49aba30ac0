import type { Device } from './grant.service.js';

const BROWSERS: [RegExp, string][] = [
  [/\bEdg\//, 'Edge'],
  [/\bOPR\//, 'Opera'],
  [/\bFirefox\//, 'Firefox'],
  [/\bChrome\//, 'Chrome'],
  [/\bSafari\//, 'Safari'],
];
const PLATFORMS: [RegExp, string][] = [
  [/\bWindows\b/, 'Windows'],
  [/\b(iPhone|iPad)\b/, 'iOS'],
  [/\bMac OS X\b/, 'macOS'],
  [/\bAndroid\b/, 'Android'],
  [/\bCrOS\b/, 'ChromeOS'],
  [/\bLinux\b/, 'Linux'],
];
const TEXT_MAX = 100;

/** What the app says of its device, or what the browser's name tells of it. */
export function describeDevice(parameters: Record<string, unknown>, userAgent: string | null): Device {
  const browser = firstMatch(BROWSERS, userAgent);
  const platform = textOf(parameters['platform']) ?? firstMatch(PLATFORMS, userAgent);
  const guessed = platform ? `${browser ?? 'A browser'} on ${platform}` : browser;
  return {
    name: textOf(parameters['device_name']) ?? guessed,
    platform,
    appVersion: textOf(parameters['app_version']),
  };
}

function firstMatch(patterns: [RegExp, string][], text: string | null): string | null {
  return patterns.find(([pattern]) => text !== null && pattern.test(text))?.[1] ?? null;
}

function textOf(value: unknown): string | null {
  if (typeof value !== 'string') return null;
  return (
    value
      .replace(/\p{Cc}/gu, '')
      .trim()
      .slice(0, TEXT_MAX) || null
  );
}
