package org.iommu4j.testbench.conform;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * One clause of a manifest header, as {@code a.package;version="[1.0,2)"}.
 *
 * @param name the path before the parameters
 * @param parameters attributes and directives without their quotes; directives keep their colon: {@code uses:}
 */
record Header(String name, Map<String, String> parameters) {
    private static final char QUOTE = '"';

    /** The clauses of a header; none if it is null. */
    static List<Header> parse(String header) {
        List<Header> clauses = new ArrayList<>();
        if (header == null || header.isBlank()) {
            return clauses;
        }
        for (String clause : split(header, ',')) {
            List<String> parts = split(clause, ';');
            Map<String, String> parameters = new LinkedHashMap<>();
            for (String part : parts.subList(1, parts.size())) {
                int sign = part.indexOf('=');
                if (sign > 0) {
                    parameters.put(typeless(part.substring(0, sign)), unquoted(part.substring(sign + 1)));
                }
            }
            clauses.add(new Header(parts.get(0).strip(), parameters));
        }
        return clauses;
    }

    /** The parameter of that name; empty if there is none. */
    String parameter(String key) {
        return parameters.getOrDefault(key, "");
    }

    /** A key without its type, as in {@code objectClass:List<String>}; the colon of a directive stays. */
    private static String typeless(String key) {
        String stripped = key.strip();
        int colon = stripped.indexOf(':');
        return colon < 0 || colon == stripped.length() - 1 ? stripped : stripped.substring(0, colon);
    }

    private static String unquoted(String value) {
        String stripped = value.strip();
        boolean quoted =
                stripped.length() > 1 && stripped.charAt(0) == QUOTE && stripped.charAt(stripped.length() - 1) == QUOTE;
        return quoted ? stripped.substring(1, stripped.length() - 1) : stripped;
    }

    /** Splits at separators that are not inside quotes. */
    private static List<String> split(String text, char separator) {
        List<String> parts = new ArrayList<>();
        boolean quoted = false;
        int from = 0;
        for (int i = 0; i < text.length(); i++) {
            char c = text.charAt(i);
            quoted ^= c == QUOTE;
            if (c == separator && !quoted) {
                parts.add(text.substring(from, i));
                from = i + 1;
            }
        }
        parts.add(text.substring(from));
        return parts;
    }
}
