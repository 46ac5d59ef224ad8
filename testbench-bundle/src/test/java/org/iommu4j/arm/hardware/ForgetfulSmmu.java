package org.iommu4j.arm.hardware;

import org.iommu4j.arm.command.CommandFields;
import org.iommu4j.arm.command.SmmuCommand;
import org.iommu4j.backend.CacheConfig;
import org.iommu4j.backend.Hardware;
import org.iommu4j.backend.HardwareConfig;
import org.iommu4j.backend.Platform;

/** Chips that keep what a command has to drop, for tests of what has to find that. */
public final class ForgetfulSmmu {
    /** The fault of such a chip. */
    public enum Loss {
        /** TLBI_NH_VA is lost. */
        ADDRESS,
        /** TLBI_NH_VAA is lost. */
        ADDRESS_ANY_ASID,
        /** TLBI_NH_VA drops another ASID's pages. */
        OTHER_ASID,
        /** TLBI_NH_ASID is lost. */
        ASID,
        /** TLBI_NH_ALL is lost. */
        VM,
        /** A TLBI_NH_VA or TLBI_NH_VAA with Leaf=0 keeps tables. */
        TABLES,
        /** The last granule of a range stays. */
        LAST_OF_RANGE,
        /** TLBI_S2_IPA is lost. */
        STAGE_2,
        /** TLBI_S12_VMALL keeps stage 2. */
        BOTH_STAGES,
        /** TLBI_NSNH_ALL is lost. */
        EVERYTHING,
        /** CFGI_STE is lost. */
        STREAM,
        /** CFGI_STE_RANGE is lost. */
        STREAMS,
        /** CFGI_CD is lost. */
        CONTEXT,
        /** CFGI_CD_ALL is lost. */
        CONTEXTS,
        /** TLBI_EL2_ALL is lost. */
        EL2,
        /** TLBI_EL2_ASID is lost. */
        EL2_ASID,
        /** TLBI_EL2_VA is lost. */
        EL2_ADDRESS,
        /** TLBI_EL2_VAA is lost. */
        EL2_ADDRESS_ANY_ASID,
        /** ATC_INV is lost. */
        DEVICE_TLB
    }

    private ForgetfulSmmu() {}

    /** A chip fresh from reset. */
    public static Hardware create(HardwareConfig config, Platform platform, Loss loss) {
        return SimulatedSmmu.create(config, platform, size -> new Caches(size, loss));
    }

    private static final class Structures extends ConfigurationCaches {
        private final Loss loss;

        Structures(CacheConfig config, Loss loss) {
            super(config, StreamConfiguration.STRUCTURE_WORDS);
            this.loss = loss;
        }

        @Override
        void invalidateStream(int streamId, boolean leafOnly, int split) {
            if (loss != Loss.STREAM) {
                super.invalidateStream(streamId, leafOnly, split);
            }
        }

        @Override
        void invalidateStreams(int streamId, int bits, int split) {
            if (loss != Loss.STREAMS) {
                super.invalidateStreams(streamId, bits, split);
            }
        }

        @Override
        void invalidateContext(int streamId, int index, boolean leafOnly, int leafBits) {
            if (loss != Loss.CONTEXT) {
                super.invalidateContext(streamId, index, leafOnly, leafBits);
            }
        }

        @Override
        void invalidateContexts(int streamId) {
            if (loss != Loss.CONTEXTS) {
                super.invalidateContexts(streamId);
            }
        }
    }

    private static final class Caches extends TranslationCaches {
        private final Loss loss;

        Caches(CacheConfig config, Loss loss) {
            super(config, new Structures(config, loss));
            this.loss = loss;
        }

        @Override
        void invalidateVm(int vmid) {
            if (loss != Loss.VM) {
                super.invalidateVm(vmid);
            }
        }

        @Override
        void invalidateAsid(int vmid, int asid) {
            if (loss != Loss.ASID) {
                super.invalidateAsid(vmid, asid);
            }
        }

        @Override
        void invalidateAddress(int vmid, int asid, InvalidationRange range) {
            if (loss != Loss.ADDRESS) {
                super.invalidateAddress(vmid, loss == Loss.OTHER_ASID ? asid + 1 : asid, shortened(range));
            }
        }

        @Override
        void invalidateAddressAnyAsid(int vmid, InvalidationRange range) {
            if (loss != Loss.ADDRESS_ANY_ASID) {
                super.invalidateAddressAnyAsid(vmid, shortened(range));
            }
        }

        /** The range that such a chip takes a command for. */
        private InvalidationRange shortened(InvalidationRange range) {
            boolean ranged = range.granule() != null;
            long granules =
                    ranged ? ((range.last() - range.first()) >>> range.granule().shift()) + 1 : 1;
            long word1 = CommandFields.ADDRESS.of(range.first());
            InvalidationRange shorter = new InvalidationRange(false);
            if (loss == Loss.TABLES && !ranged) {
                return shorter.of(SmmuCommand.TLBI_NH_VA, 0, word1 | CommandFields.LEAF.mask());
            }
            if (loss == Loss.LAST_OF_RANGE && granules > 1 && granules <= 1 << CommandFields.NUM.width()) {
                long how = CommandFields.TG.of(range.granule().rangeCode())
                        | CommandFields.TTL.of(range.level())
                        | CommandFields.LEAF.of(range.leafOnly() ? 1 : 0);
                return shorter.of(SmmuCommand.TLBI_NH_VA, CommandFields.NUM.of(granules - 2), word1 | how);
            }
            return range;
        }

        @Override
        void invalidateBothStages(int vmid) {
            if (loss == Loss.BOTH_STAGES) {
                invalidateVm(vmid);
            } else {
                super.invalidateBothStages(vmid);
            }
        }

        @Override
        void invalidateStage2(int vmid, InvalidationRange range) {
            if (loss != Loss.STAGE_2) {
                super.invalidateStage2(vmid, range);
            }
        }

        @Override
        void invalidateAllBelowEl2() {
            if (loss != Loss.EVERYTHING) {
                super.invalidateAllBelowEl2();
            }
        }

        @Override
        void invalidateEl2() {
            if (loss != Loss.EL2) {
                super.invalidateEl2();
            }
        }

        @Override
        void invalidateEl2Asid(int asid) {
            if (loss != Loss.EL2_ASID) {
                super.invalidateEl2Asid(asid);
            }
        }

        @Override
        void invalidateEl2Address(boolean e2h, int asid, InvalidationRange range) {
            if (loss != Loss.EL2_ADDRESS) {
                super.invalidateEl2Address(e2h, asid, range);
            }
        }

        @Override
        void invalidateEl2AddressAnyAsid(boolean e2h, InvalidationRange range) {
            if (loss != Loss.EL2_ADDRESS_ANY_ASID) {
                super.invalidateEl2AddressAnyAsid(e2h, range);
            }
        }

        @Override
        void invalidateDevice(int streamId, int substream, boolean anySubstream, long address, int order) {
            if (loss != Loss.DEVICE_TLB) {
                super.invalidateDevice(streamId, substream, anySubstream, address, order);
            }
        }
    }
}
