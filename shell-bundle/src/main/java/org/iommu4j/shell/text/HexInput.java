package org.iommu4j.shell.text;

import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Locale;

/**
 * Hexadecimal digits as users write them: bytes in memory order ({@code 4c 00 00 00}, {@code 4c000000}), or the values of
 * 64-bit words, each with {@code 0x} before it. Underscores, commas and blanks between digits are free.
 */
public final class HexInput {
    private static final int WORD_DIGITS = 16;

    private final List<String> tokens = new ArrayList<>();

    /**
     * Splits the arguments of a command.
     *
     * @throws IllegalArgumentException with one line that names what is wrong
     */
    public HexInput(List<String> arguments) {
        for (String argument : arguments) {
            for (String token : argument.toLowerCase(Locale.ROOT).split("[\\s,]+", -1)) {
                if (!token.isEmpty()) {
                    tokens.add(checked(token.replace("_", "")));
                }
            }
        }
        if (tokens.isEmpty()) {
            throw new IllegalArgumentException("no bytes");
        }
    }

    private static String checked(String token) {
        String digits = digits(token);
        if (digits.isEmpty()) {
            throw new IllegalArgumentException("'" + readable(token) + "' has no digits");
        }
        for (int i = 0; i < digits.length(); i++) {
            if (!HexFormat.isHexDigit(digits.charAt(i))) {
                throw new IllegalArgumentException("'" + readable(token) + "' is not hexadecimal: character '"
                        + digits.charAt(i) + "' at " + (i + token.length() - digits.length() + 1));
            }
        }
        return token;
    }

    /** True if each token is the value of a word. */
    public boolean isWords() {
        return tokens.get(0).startsWith("0x");
    }

    /**
     * The bytes; a {@code 0x} before a token is left out.
     *
     * @throws IllegalArgumentException with one line that names what is wrong
     */
    public byte[] bytes() {
        StringBuilder all = new StringBuilder();
        for (String token : tokens) {
            if (token.startsWith("0x") && digits(token).length() % 2 != 0) {
                throw new IllegalArgumentException("'" + readable(token) + "' has an odd number of digits");
            }
            all.append(digits(token));
        }
        if (all.length() % 2 != 0) {
            throw new IllegalArgumentException(
                    all.length() + (all.length() == 1 ? " digit is" : " digits are") + " no whole number of bytes");
        }
        return HexFormat.of().parseHex(all);
    }

    /**
     * The values of the words, with {@code 0x} before them or not.
     *
     * @throws IllegalArgumentException with one line that names what is wrong
     */
    public long[] words() {
        boolean prefixed = isWords();
        long[] words = new long[tokens.size()];
        for (int i = 0; i < words.length; i++) {
            String token = tokens.get(i);
            if (token.startsWith("0x") != prefixed) {
                throw new IllegalArgumentException(
                        "'" + readable(token) + "': write 0x before every word, or bytes without 0x");
            }
            String digits = digits(token);
            if (digits.length() > WORD_DIGITS) {
                throw new IllegalArgumentException("'" + readable(token)
                        + "' is longer than a word of 16 digits; bytes in" + " memory order are written without 0x");
            }
            words[i] = Long.parseUnsignedLong(digits, 16);
        }
        return words;
    }

    private static String digits(String token) {
        return token.startsWith("0x") ? token.substring(2) : token;
    }

    private static String readable(String token) {
        return token.length() <= 40 ? token : token.substring(0, 40) + "...";
    }
}
