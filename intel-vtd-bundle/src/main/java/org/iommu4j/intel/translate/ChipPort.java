package org.iommu4j.intel.translate;

import org.iommu4j.backend.BackendException;
import org.iommu4j.backend.NativePort;
import org.iommu4j.backend.PhysicalMemory;
import org.iommu4j.contract.Errno;
import org.iommu4j.driver.bind.TableAddress;
import org.iommu4j.intel.command.VtdCapabilities;
import org.iommu4j.intel.command.VtdRegisters.Cap;
import org.iommu4j.intel.command.VtdRegisters.Ecap;
import org.iommu4j.intel.command.VtdRegisters.FaultStatus;
import org.iommu4j.intel.command.VtdRegisters.Global;
import org.iommu4j.intel.command.VtdRegisters.RootTableAddress;
import org.iommu4j.intel.command.VtdRegisters.Ver;
import org.iommu4j.layout.BitField;

/** The chip's capabilities and its global command handshake, VT-d 11.4.4. */
final class ChipPort {
    /** Reads of a status register before a chip counts as dead. */
    static final int MAX_POLLS = 1000;

    private final NativePort port;
    private final boolean scalable;
    private final VtdCapabilities unit;
    private final int pasidBits;

    /**
     * Reads the capabilities.
     *
     * @param scalable true to use the chip in scalable mode, false for legacy mode
     * @throws BackendException {@code EIO} if nothing answers
     */
    ChipPort(NativePort port, boolean scalable) {
        this.port = port;
        this.scalable = scalable;
        long version = port.read(Ver.REGISTER);
        long cap = port.read(Cap.REGISTER);
        if (Ver.MAJOR.get(version) == 0 || cap == -1L || cap == 0) {
            throw new BackendException(Errno.EIO, "no VT-d unit answers: VER=0x" + Long.toHexString(version));
        }
        unit = new VtdCapabilities(version, cap, port.read(Ecap.REGISTER));
        pasidBits = scalable && Ecap.PASID.isSet(unit.ecap()) ? unit.pasidBits() : 0;
    }

    /** True if the chip is used in scalable mode. */
    boolean isScalable() {
        return scalable;
    }

    /** Width of a PASID in bits; 0 if requests have none. */
    int pasidBits() {
        return pasidBits;
    }

    /** The capabilities of the chip. */
    VtdCapabilities unit() {
        return unit;
    }

    /** CAP. */
    long cap() {
        return unit.cap();
    }

    /** ECAP. */
    long ecap() {
        return unit.ecap();
    }

    /** The chip's registers. */
    NativePort port() {
        return port;
    }

    /** Memory that the chip and the host share. */
    PhysicalMemory memory() {
        return port.platform().memory();
    }

    /** Number of domain ids, the reserved 0 included. */
    int domainIds() {
        return 1 << unit.domainIdBits();
    }

    /** Largest order in pages of a page-selective command; -1 if the chip has none. */
    int maxPageOrder() {
        return unit.largestAddressMask();
    }

    /** Widest address of a device in bits. */
    int maxAddressBits() {
        return unit.mgawBits();
    }

    /** True if a table can be at an address. */
    boolean isTable(long address) {
        return TableAddress.isPage(address, port.platform());
    }

    /** Global status. */
    long status() {
        return port.read(Global.STATUS);
    }

    /** Writes 1 to every error bit of the fault status that is set. */
    void clearErrors() {
        long errors = FaultStatus.IQE.mask() | FaultStatus.ICE.mask() | FaultStatus.ITE.mask();
        port.write(FaultStatus.REGISTER, port.read(FaultStatus.REGISTER) & errors);
    }

    /** Sets the root table and waits until the chip has taken it. */
    void setRoot(long rootTable) {
        int mode = scalable ? RootTableAddress.SCALABLE : RootTableAddress.LEGACY;
        port.write(RootTableAddress.REGISTER, RootTableAddress.RTA.of(rootTable) | RootTableAddress.TTM.of(mode));
        command(Global.SRTP, Global.RTPS, true);
    }

    /** Turns a persistent function on or off and waits until its status follows. */
    void enable(BitField command, BitField status, boolean on) {
        command(command, status, on);
    }

    /** Writes buffered stores out to memory, where the chip needs to be told; VT-d 6.8. {@code EIO} if it does not. */
    Errno flushWriteBuffer() {
        if (Cap.RWBF.isSet(unit.cap())) {
            try {
                command(Global.WBF, Global.WBFS, false);
            } catch (BackendException e) {
                return e.errno();
            }
        }
        return Errno.OK;
    }

    /** One bit a write: the persistent functions as they are, and the command. */
    private void command(BitField command, BitField status, boolean wanted) {
        long value = status() & Global.PERSISTENT;
        boolean oneShot = (command.mask() & Global.PERSISTENT) == 0;
        port.write(Global.COMMAND, oneShot || wanted ? value | command.mask() : value & ~command.mask());
        for (int poll = 0; poll < MAX_POLLS; poll++) {
            if (status.isSet(status()) == wanted) {
                return;
            }
        }
        throw new BackendException(Errno.EIO, "the chip does not answer " + command.name());
    }
}
