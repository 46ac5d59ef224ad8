package org.iommu4j.layout;

/**
 * One line of an explanation.
 *
 * @param name the field's name, or "reserved"
 * @param bits the bit range in the specification's own numbering
 * @param value the value as it stands in the structure
 * @param meaning what the value means; empty if nothing is declared
 * @param wrong true for set reserved bits and for reserved values
 */
public record FieldValue(String name, String bits, long value, String meaning, boolean wrong) {}
