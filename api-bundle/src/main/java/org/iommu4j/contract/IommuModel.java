package org.iommu4j.contract;

import java.nio.ByteOrder;

/** {@code enum iommu_model} of the 2017 proposal: who parses the vendor part of a request. */
public enum IommuModel {
    /** Intel VT-d; the proposal spells it {@code INTLE_IOMMU}. */
    INTEL(0, "intel", "INTLE_IOMMU", ByteOrder.LITTLE_ENDIAN),
    /** Arm SMMU. */
    ARM_SMMU(1, "arm", "ARM_SMMU", ByteOrder.LITTLE_ENDIAN),
    /** AMD-Vi. */
    AMD(2, "amd", "AMD_IOMMU", ByteOrder.LITTLE_ENDIAN),
    /** IBM sPAPR TCE. */
    SPAPR(3, "spapr", "SPAPR_IOMMU", ByteOrder.BIG_ENDIAN),
    /** IBM Z zPCI. */
    S390(4, "s390", "S390_IOMMU", ByteOrder.BIG_ENDIAN);

    private static final IommuModel[] BY_CODE = values();

    private final int code;
    private final String label;
    private final String constant;
    private final ByteOrder payloadOrder;

    IommuModel(int code, String label, String constant, ByteOrder payloadOrder) {
        this.code = code;
        this.label = label;
        this.constant = constant;
        this.payloadOrder = payloadOrder;
    }

    /** The value of {@code model} in a request. */
    public int code() {
        return code;
    }

    /** The name on command lines and in test cases. */
    public String label() {
        return label;
    }

    /** The name of the constant in the proposed header. */
    public String constant() {
        return constant;
    }

    /** Byte order of its vendor part, whatever the order of the header. */
    public ByteOrder payloadOrder() {
        return payloadOrder;
    }

    /** The model of that code, or null. */
    public static IommuModel ofCode(int code) {
        return code >= 0 && code < BY_CODE.length ? BY_CODE[code] : null;
    }

    /** The model of that label, or null. */
    public static IommuModel ofLabel(String label) {
        for (IommuModel model : BY_CODE) {
            if (model.label.equals(label)) {
                return model;
            }
        }
        return null;
    }
}
