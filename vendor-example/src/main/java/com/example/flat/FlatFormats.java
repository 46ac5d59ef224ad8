package com.example.flat;

import static org.iommu4j.layout.FieldOption.about;

import java.util.List;
import org.iommu4j.contract.BindFormat;
import org.iommu4j.contract.IommuModel;
import org.iommu4j.contract.Uapi;
import org.iommu4j.layout.Access;
import org.iommu4j.layout.BitField;
import org.iommu4j.layout.Layout;
import org.iommu4j.layout.Register;

/** Every structure and register of Flat, as its README describes them. */
final class FlatFormats {
    /** The only generation. */
    static final int GENERATION = 0x0f01;

    /** Devices of a device table, and pages of a page table. */
    static final int ENTRIES = 512;

    static final int PAGE_SHIFT = 12;
    static final int PAGE_BYTES = 1 << PAGE_SHIFT;

    /** Fault reasons. */
    static final int NOT_BOUND = 1;

    static final int NOT_PRESENT = 2;
    static final int NOT_WRITABLE = 3;
    static final int BAD_TABLE = 4;
    static final int NO_PASIDS = 5;

    private static final String SPEC = "README.md, the chip";

    private static final Layout.Builder DEVICE = Layout.named("device_entry").spec(SPEC);
    static final BitField VALID = DEVICE.bit("V", 0, about("the device has a page table"));
    static final BitField TABLE_ROOT = DEVICE.address("TABLE", 51, 12, about("address of its page table"));
    static final Layout DEVICE_ENTRY = DEVICE.build();

    private static final Layout.Builder PAGE = Layout.named("page_entry").spec(SPEC);
    static final BitField PRESENT = PAGE.bit("P", 0, about("the page is there, and may be read"));
    static final BitField WRITABLE = PAGE.bit("W", 1, about("the page may be written"));
    static final BitField ADDRESS = PAGE.address("ADDR", 51, 12, about("where the page is"));
    static final Layout PAGE_ENTRY = PAGE.presentIfAny(PRESENT).build();

    private static final Layout.Builder RECORD =
            Layout.named("fault_record").spec(SPEC).ignoreReserved();
    static final BitField FAULTED = RECORD.bit("F", 63, about("the record holds a fault"));
    static final BitField REASON = RECORD.bits(
            "REASON", 62, 60, about("1 not bound, 2 not present, 3 not writable, 4 bad " + "table, 5 no PASIDs"));
    static final BitField FAULT_DEVICE = RECORD.bits("DEVICE", 40, 32, about("whose access it was"));
    static final BitField FAULT_PAGE = RECORD.bits("PAGE", 31, 0, about("number of the page, its low 32 bits"));
    static final Layout FAULT_RECORD = RECORD.build();

    private static final Layout.Builder BIND =
            Layout.named("flat_bind").size(128).spec(SPEC);
    static final BitField BIND_REQUESTER = BIND.bits("requester", 8, 0, about("the device"));
    static final BitField BIND_ROOT = BIND.address("table_root", 115, 76, about("address of its page table"));
    static final Layout BIND_PART = BIND.build();

    /** The one bind: a device and its page table. */
    static final BindFormat BIND_FORMAT = new BindFormat(Uapi.BIND_PGTABLE, IommuModel.INTEL, GENERATION, 0, BIND_PART);

    static final Layout BIND_FLAGS = BindFormat.flags(BIND_PART.name()).build();

    private static final Register.Builder TABLE_BITS =
            Register.named("TABLE").at(0x00, 64).spec(SPEC);
    static final BitField DEVICE_TABLE = TABLE_BITS.address("ADDR", 51, 12, about("address of the device table"));
    static final Register TABLE = TABLE_BITS.build();

    private static final Register.Builder CONTROL_BITS =
            Register.named("CONTROL").at(0x08, 32).spec(SPEC);
    static final BitField ENABLE = CONTROL_BITS.bit("EN", 0, about("translate; otherwise every access is blocked"));
    static final Register CONTROL = CONTROL_BITS.build();

    private static final Register.Builder INVALIDATE_BITS =
            Register.named("INVALIDATE").at(0x10, 64).spec(SPEC).each(Access.WRITE_ONLY);
    static final BitField INVALIDATE_ALL = INVALIDATE_BITS.bit("ALL", 63, about("of every device"));
    static final BitField INVALIDATE_DEVICE = INVALIDATE_BITS.bits("DEVICE", 8, 0, about("of this device"));
    static final Register INVALIDATE = INVALIDATE_BITS.build();

    private static final Register.Builder FAULT_BITS =
            Register.named("FAULT").at(0x18, 64).spec(SPEC).each(Access.READ_ONLY);
    static final BitField FAULT_PENDING =
            FAULT_BITS.bit("F", 63, Access.WRITE_ONE_CLEARS, about("a fault is recorded; write 1 to record the next"));
    static final BitField FAULT_REST = FAULT_BITS.bits("RECORD", 62, 0, about("the rest of the fault record"));
    static final Register FAULT = FAULT_BITS.build();

    static final List<Register> REGISTERS = List.of(TABLE, CONTROL, INVALIDATE, FAULT);

    static final List<Layout> LAYOUTS = List.of(DEVICE_ENTRY, PAGE_ENTRY, FAULT_RECORD, BIND_PART, BIND_FLAGS);

    private FlatFormats() {}
}
