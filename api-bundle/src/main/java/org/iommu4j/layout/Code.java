package org.iommu4j.layout;

/**
 * One allowed value of a field.
 *
 * @param value the value as the field holds it
 * @param meaning what the specification says it stands for
 */
public record Code(long value, String meaning) {
    /** Short form for declarations. */
    public static Code code(long value, String meaning) {
        return new Code(value, meaning);
    }
}
