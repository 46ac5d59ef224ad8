package org.iommu4j.amd.command;

import static org.iommu4j.layout.Code.code;
import static org.iommu4j.layout.FieldOption.about;
import static org.iommu4j.layout.FieldOption.oneOf;

import org.iommu4j.layout.BitField;
import org.iommu4j.layout.Layout;

/**
 * The entries of the event log, 48882 2.5: two words of 64 bits each. Those that a unit of this release writes are declared; the
 * records of guest virtual IOMMUs (codes 0xb and 0xc) and of the reverse map table (0xd and 0xe) belong to hardware that is not
 * modelled.
 */
public final class AmdViEvents {
    /** Size of an entry. */
    public static final int BYTES = 16;

    /** Bits of a PASID that stand in the first half of an entry's second doubleword; the others stand with the device. */
    private static final int PASID_LOW_BITS = 16;

    /** Values of the field Type of hardware errors, events 3, 4 and 6. */
    public static final class HardwareErrorType {
        /** Nothing answers at the address. */
        public static final int MASTER_ABORT = 1;

        /** The access was refused. */
        public static final int TARGET_ABORT = 2;

        /** The data was wrong. */
        public static final int DATA_ERROR = 3;

        private HardwareErrorType() {}
    }

    /** ILLEGAL_DEV_TABLE_ENTRY, 48882 2.5.2. */
    public static final class IllegalDevTableEntry {
        private static final Layout.Builder EVENT = event("ILLEGAL_DEV_TABLE_ENTRY", "2.5.2");
        public static final BitField DEVICE_ID = deviceId(EVENT);
        public static final BitField PASID_HIGH = pasidHigh(EVENT);
        public static final BitField PASID_LOW = EVENT.bits("PASID[15:0]", 47, 32, about("with GN"));
        public static final BitField GN = gn(EVENT);
        public static final BitField I = interrupt(EVENT);
        public static final BitField RW = rw(EVENT);
        public static final BitField RZ = EVENT.bit("RZ", 55, about("1 reserved bit, 0 illegal level encoding"));
        public static final BitField TR = tr(EVENT);
        public static final BitField CODE = eventCode(EVENT, AmdViEvent.CODE_ILLEGAL_DEV_TABLE_ENTRY);
        public static final BitField ADDRESS = EVENT.address("Address", 127, 66, about("address of the request"));

        public static final Layout LAYOUT = EVENT.build();
    }

    /** IO_PAGE_FAULT, 48882 2.5.3. */
    public static final class IoPageFault {
        private static final Layout.Builder EVENT = event("IO_PAGE_FAULT", "2.5.3");
        public static final BitField DEVICE_ID = deviceId(EVENT);
        public static final BitField PASID_HIGH = pasidHigh(EVENT);
        public static final BitField DOMAIN_ID = domainId(EVENT);
        public static final BitField GN = gn(EVENT);
        public static final BitField NX = EVENT.bit("NX", 49, about("execute request refused, with GN"));
        public static final BitField US = EVENT.bit("US", 50, about("1 user request, with a PASID"));
        public static final BitField I = interrupt(EVENT);
        public static final BitField PR = EVENT.bit("PR", 52, about("the entry was present"));
        public static final BitField RW = rw(EVENT);
        public static final BitField PE = EVENT.bit("PE", 54, about("permission missing"));
        public static final BitField RZ =
                EVENT.bit("RZ", 55, about("with PR: 1 reserved bit; 0 and no PE: illegal level or size"));
        public static final BitField TR = tr(EVENT);
        public static final BitField CODE = eventCode(EVENT, AmdViEvent.CODE_IO_PAGE_FAULT);
        public static final BitField ADDRESS = EVENT.bits("Address", 127, 64, about("faulting address"));

        public static final Layout LAYOUT = EVENT.build();
    }

    /** DEV_TAB_HARDWARE_ERROR, 48882 2.5.4. */
    public static final class DevTabHardwareError {
        private static final Layout.Builder EVENT = event("DEV_TAB_HARDWARE_ERROR", "2.5.4");
        public static final BitField DEVICE_ID = deviceId(EVENT);
        public static final BitField I = interrupt(EVENT);
        public static final BitField RW = rw(EVENT);
        public static final BitField TR = tr(EVENT);
        public static final BitField TYPE = errorType(EVENT);
        public static final BitField CODE = eventCode(EVENT, AmdViEvent.CODE_DEV_TAB_HARDWARE_ERROR);
        public static final BitField ADDRESS = EVENT.address("Address", 127, 68, about("where the entry is"));

        public static final Layout LAYOUT = EVENT.build();
    }

    /** PAGE_TAB_HARDWARE_ERROR, 48882 2.5.5. */
    public static final class PageTabHardwareError {
        private static final Layout.Builder EVENT = event("PAGE_TAB_HARDWARE_ERROR", "2.5.5");
        public static final BitField DEVICE_ID = deviceId(EVENT);
        public static final BitField PASID_HIGH = pasidHigh(EVENT);
        public static final BitField DOMAIN_ID = domainId(EVENT);
        public static final BitField GN = gn(EVENT);
        public static final BitField I = interrupt(EVENT);
        public static final BitField RW = rw(EVENT);
        public static final BitField TR = tr(EVENT);
        public static final BitField TYPE = errorType(EVENT);
        public static final BitField CODE = eventCode(EVENT, AmdViEvent.CODE_PAGE_TAB_HARDWARE_ERROR);
        public static final BitField ADDRESS = EVENT.address("Address", 127, 67, about("where the entry is"));

        public static final Layout LAYOUT = EVENT.build();
    }

    /** ILLEGAL_COMMAND_ERROR, 48882 2.5.6. */
    public static final class IllegalCommandError {
        private static final Layout.Builder EVENT = event("ILLEGAL_COMMAND_ERROR", "2.5.6");
        public static final BitField CODE = eventCode(EVENT, AmdViEvent.CODE_ILLEGAL_COMMAND_ERROR);
        public static final BitField ADDRESS = EVENT.address("Address", 127, 68, about("where the command is"));

        public static final Layout LAYOUT = EVENT.build();
    }

    /** COMMAND_HARDWARE_ERROR, 48882 2.5.7. */
    public static final class CommandHardwareError {
        private static final Layout.Builder EVENT = event("COMMAND_HARDWARE_ERROR", "2.5.7");
        public static final BitField TYPE = errorType(EVENT);
        public static final BitField CODE = eventCode(EVENT, AmdViEvent.CODE_COMMAND_HARDWARE_ERROR);
        public static final BitField ADDRESS = EVENT.bits("Address", 127, 64, about("of the attempted access"));

        public static final Layout LAYOUT = EVENT.build();
    }

    /** IOTLB_INV_TIMEOUT, 48882 2.5.8. */
    public static final class IotlbInvTimeout {
        private static final Layout.Builder EVENT = event("IOTLB_INV_TIMEOUT", "2.5.8");
        public static final BitField DEVICE_ID = deviceId(EVENT);
        public static final BitField CODE = eventCode(EVENT, AmdViEvent.CODE_IOTLB_INV_TIMEOUT);
        public static final BitField ADDRESS = EVENT.address("Address", 127, 68, about("where the command is"));

        public static final Layout LAYOUT = EVENT.build();
    }

    /** INVALID_DEVICE_REQUEST, 48882 2.5.9. */
    public static final class InvalidDeviceRequest {
        /** Type with TR=0: read or non-posted write in the interrupt range. */
        public static final int READ_OF_INTERRUPT_RANGE = 0;

        /** Type with TR=0: translated request of a device that must not translate. */
        public static final int TRANSLATED_REQUEST = 1;

        /** Type with TR=0: posted write to the interrupt range, IntCtl=0. */
        public static final int INTERRUPT_BLOCKED = 5;

        /** Type with TR=1: translation request of a device that must not translate. */
        public static final int TRANSLATION_REQUEST = 0;

        /** Type with TR=1: translation request to a special range. */
        public static final int TRANSLATION_OF_SPECIAL_RANGE = 1;

        /** Type with TR=1: translation request of a device outside the device table. */
        public static final int TRANSLATION_OUTSIDE_TABLE = 2;

        private static final Layout.Builder EVENT = event("INVALID_DEVICE_REQUEST", "2.5.9");
        public static final BitField DEVICE_ID = deviceId(EVENT);
        public static final BitField PASID_HIGH = pasidHigh(EVENT);
        public static final BitField PASID_LOW = EVENT.bits("PASID[15:0]", 47, 32, about("with GN"));
        public static final BitField GN = gn(EVENT);
        public static final BitField US = EVENT.bit("US", 49, about("1 user request, with a PASID"));
        public static final BitField TR = tr(EVENT);
        public static final BitField TYPE = EVENT.bits("Type", 59, 57, about("which request, by TR"));
        public static final BitField CODE = eventCode(EVENT, AmdViEvent.CODE_INVALID_DEVICE_REQUEST);
        public static final BitField ADDRESS = EVENT.bits("Address", 127, 64, about("address of the request"));

        public static final Layout LAYOUT = EVENT.build();
    }

    /** INVALID_PPR_REQUEST, 48882 2.5.10: a page request that was not put into the log. */
    public static final class InvalidPprRequest {
        private static final Layout.Builder EVENT = event("INVALID_PPR_REQUEST", "2.5.10");
        public static final BitField DEVICE_ID = deviceId(EVENT);
        public static final BitField PASID_LOW = EVENT.bits("PASID[15:0]", 31, 16, about("with GN"));
        public static final BitField GROUP = EVENT.bits("PPRGroup", 40, 32, about("page request group index"));
        public static final BitField LAST = EVENT.bit("L", 41, about("last of its group"));
        public static final BitField PASID_HIGH = EVENT.bits("PASID[19:16]", 45, 42, about("with GN"));
        public static final BitField RX = EVENT.bit("RX", 48, about("no answer is wanted"));
        public static final BitField X = EVENT.bit("X", 49, about("execute"));
        public static final BitField R = EVENT.bit("R", 50, about("read"));
        public static final BitField W = EVENT.bit("W", 53, about("write"));
        public static final BitField US = EVENT.bit("US", 54, about("user"));
        public static final BitField MALFORMED = EVENT.bit("RZ", 55, about("malformed request"));
        public static final BitField GN = EVENT.bit("GN", 56, about("with PASID"));
        public static final BitField CODE = eventCode(EVENT, AmdViEvent.CODE_INVALID_PPR_REQUEST);
        public static final BitField ADDRESS = EVENT.address("Address", 127, 76, about("page"));

        public static final Layout LAYOUT = EVENT.build();
    }

    private AmdViEvents() {}

    /** Bits 19:16 of a PASID, as the first doubleword of an entry has them. */
    public static int pasidHigh(int pasid) {
        return pasid >>> PASID_LOW_BITS;
    }

    /** Bits 15:0 of a PASID, as the second doubleword of an entry has them. */
    public static int pasidLow(int pasid) {
        return pasid & (1 << PASID_LOW_BITS) - 1;
    }

    /** The PASID of both parts. */
    public static int pasid(int low, int high) {
        return high << PASID_LOW_BITS | low;
    }

    private static Layout.Builder event(String name, String section) {
        return Layout.named(name).size(128).littleEndian().spec("AMD 48882 " + section);
    }

    private static BitField deviceId(Layout.Builder event) {
        return event.bits("DeviceID", 15, 0, about("who asked"));
    }

    private static BitField pasidHigh(Layout.Builder event) {
        return event.bits("PASID[19:16]", 19, 16, about("with GN"));
    }

    private static BitField domainId(Layout.Builder event) {
        return event.bits("DomainID", 47, 32, about("with GN: PASID[15:0]"));
    }

    private static BitField gn(Layout.Builder event) {
        return event.bit("GN", 48, about("the address is a guest virtual one of the PASID"));
    }

    private static BitField interrupt(Layout.Builder event) {
        return event.bit("I", 51, about("interrupt request"));
    }

    private static BitField rw(Layout.Builder event) {
        return event.bit("RW", 53, about("write"));
    }

    private static BitField tr(Layout.Builder event) {
        return event.bit("TR", 56, about("translation request"));
    }

    private static BitField errorType(Layout.Builder event) {
        return event.bits(
                "Type",
                58,
                57,
                oneOf(
                        code(HardwareErrorType.MASTER_ABORT, "master abort"),
                        code(HardwareErrorType.TARGET_ABORT, "target abort"),
                        code(HardwareErrorType.DATA_ERROR, "data error")));
    }

    private static BitField eventCode(Layout.Builder event, int number) {
        return event.bits("EventCode", 63, 60, oneOf(code(number, "this event")));
    }
}
