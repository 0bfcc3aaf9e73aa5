/**
 * Whether text is the number of a savings account: nine digits and their check digit, by which every wrong digit is found, and
 * nearly every two that changed places. Luhn, ISO/IEC 7812-1, as `savings.check_digit`.
 */
export function isTrackingNumber(text: string): boolean {
  if (!/^[0-9]{10}$/.test(text)) return false;
  let sum = 0;
  for (let at = 0; at < 10; at += 1) {
    const digit = Number(text[at]);
    const value = at % 2 === 0 ? digit * 2 : digit;
    sum += value > 9 ? value - 9 : value;
  }
  return sum % 10 === 0;
}
